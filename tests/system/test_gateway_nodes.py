# SPDX-License-Identifier: LGPL-2.1-or-later
"""gateway-nodes, the program for whoever has no hardware: its nodes are seen, updated, and as bad as they are told."""
import re
import subprocess

import pytest

from gateway import PLUGIN_FOLDERS, Gateway, Process, free_port, wait_for

CONFIG = """[clock]
trust=always
[limits]
retry-first=1s
retry-max=2s
[plugin harmony]
listen=127.0.0.1:{harmony}
inference-apart=300ms
inference-bytes=1s
[plugin esp-http]
listen=127.0.0.1:{esp}
[plugin quectel-at]
enabled=yes
[line shed]
device={folder}/line
plugin=quectel-at
node=shed
"""
PRODUCTS = {"harmony-1": "harmony", "shed": "quectel-at", "de:ba:7a:82:66:02": "esp-http"}


class Site:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.ports = {"harmony": free_port(), "esp": free_port()}
        self.gateway = Gateway(build, folder / "gateway", CONFIG.format(folder=folder, **self.ports))
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/esp-http", "plugins/transport/quectel-at"]
        self.nodes = None

    def start(self, *options, version="3"):
        self.nodes = Process("nodes", [
            self.build / "tests/nodes/gateway-nodes", "--gateway=localhost", "--sleeps=1", *options,
            f"harmony,port={self.ports['harmony']},version={version}", f"esp8266,port={self.ports['esp']},version=1.0.0",
            f"quectel:{self.folder}/line,version=1_0_0"], self.folder / "nodes.log")
        wait_for("the made line", (self.folder / "line").is_symlink)
        self.gateway.start()
        for node, plugin in PRODUCTS.items():
            wait_for(f"{node} in the registry", lambda node=node: self.gateway.row("nodes", "id", node), 40)
            self.gateway.ctl("product", "set", plugin, f"--plugin={plugin}")
            self.gateway.ctl("nodes", "adopt", node, f"--product={plugin}")
        return self

    def push(self, node, make, version):
        file = self.folder / f"{make}.bin"
        if make == "harmony":
            file.write_bytes(b"\x55" * 100_000)
        else:
            program = self.build / "tests/nodes/gateway-nodes"
            text = subprocess.run([program, "image", make, version, file], capture_output=True, text=True, check=True)
            assert text.stdout == f"{file}: 100000 bytes that {make} boots as version {version}\n"
        component = ["--type=STM32"] if make == "quectel" else []
        self.gateway.ctl("push", file, node, f"--version={version}", *component)

    def state(self, node):
        row = self.gateway.row("updates", "node", node)
        return row["state"] if row else None


@pytest.fixture
def site(build, tmp_path):
    made = Site(build, tmp_path)
    yield made
    if made.nodes:
        made.nodes.kill()
        print(made.nodes.text())
    made.gateway.stop()


def test_three_makes_are_updated(site):
    site.start()
    for node, make, version in (("harmony-1", "harmony", "5"), ("shed", "quectel", "2_0_0"),
                                ("de:ba:7a:82:66:02", "esp8266", "1.0.1")):
        site.push(node, make, version)
    for node in PRODUCTS:
        wait_for(f"{node} succeeded", lambda node=node: site.state(node) == "succeeded", 60)
    for words in ("harmony-1: reset, running version 5", "esp8266-2: restart, running version 1.0.1",
                  "quectel-3: running version 2_0_0"):
        assert words in site.nodes.text()


def test_power_cuts_are_survived(site):
    """It comes back with what it ran, and tries on."""
    site.start("--loses-power=3")
    site.push("de:ba:7a:82:66:02", "esp8266", "1.0.1")
    wait_for("the update", lambda: site.state("de:ba:7a:82:66:02") == "succeeded", 60)
    restarts = site.nodes.text()
    wait_for("more power cuts", lambda: site.nodes.text().count("esp8266-2: power cut") > restarts.count(
        "esp8266-2: power cut"))
    row = wait_for("it asks again", lambda: site.gateway.row("nodes", "id", "de:ba:7a:82:66:02"))
    assert row["version"] == "1.0.1"  # it came back with what it ran, not with what it was started as


def test_a_liar_is_no_success(site):
    site.start("--lies", "--slow=400000")
    site.push("de:ba:7a:82:66:02", "esp8266", "1.0.1")
    wait_for("the restart", lambda: "esp8266-2: restart, running version 1.0.0" in site.nodes.text(), 40)
    wait_for("the truth", lambda: site.state("de:ba:7a:82:66:02") not in ("offered", "downloading", "downloaded"), 40)
    assert site.state("de:ba:7a:82:66:02") != "succeeded"
    assert site.gateway.row("nodes", "id", "de:ba:7a:82:66:02")["version"] == "1.0.0"


@pytest.mark.parametrize("words, said", [
    ([], "no node named; for instance:"),
    (["toaster"], "'toaster' is no make; these are:"),
    (["harmony"], "--gateway=ADDRESS says where the gateway is"),
    (["--gateway=127.0.0.1", "harmony:wifi"], "harmony takes nothing after ':'"),
    (["--gateway=127.0.0.1", "waspmote"], "waspmote: write waspmote:MODEM"),
    (["--gateway=127.0.0.1", "waspmote:wifi"], "waspmote needs the keys user,password: 'gatewayctl node credential"),
    (["--gateway=127.0.0.1", "harmony,5"], "harmony: '5' is no KEY=VALUE"),
    (["--gateway=127.0.0.1", "--sleeps=0", "harmony"], "--sleeps takes 1 to 86400 seconds"),
    (["--gateway=127.0.0.1", "--count=100", "harmony,port=1"], "more than 99 nodes"),
    (["--gateway=no.such.host.invalid", "harmony"], "--gateway=no.such.host.invalid: "),
    (["quectel:/dev/null/x"], "/dev/null/x: "),
    (["image", "harmony", "5", "x.bin"], "harmony boots any bytes: take any file"),
    (["image", "quectel", "5"], "write: gateway-nodes image MAKE VERSION FILE"),
])
def test_wrong_words(build, words, said):
    run = subprocess.run([build / "tests/nodes/gateway-nodes", *words], capture_output=True, text=True, timeout=20)
    assert run.returncode == 2 and f"gateway-nodes: {said}" in run.stderr, run.stderr
    assert not re.search(r"CRITICAL|WARNING", run.stderr)
