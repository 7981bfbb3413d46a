# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes whose one request is both question and download: Air720 and ESP modules through the real daemons."""
import sys

import pytest

from gateway import PLUGIN_FOLDERS, SOURCE, Gateway, Process, free_port, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes"))
from http_replies import bootable  # noqa: E402

CONFIG = """[clock]
trust=always
[limits]
retry-first=1s
retry-max=2s
verification-stay=1s
[plugin openluat]
listen=127.0.0.1:{openluat}
[plugin esp-http]
listen=127.0.0.1:{esp}
[plugin harmony]
enabled=no
"""
IMEI, MAC = "866888020000001", "de:ba:7a:b1:e0:42"
MAKES = {"openluat": ("fake-air720", b"LUAT", IMEI), "esp-http": ("fake-esp", b"\xe9ESP", MAC)}


class Modules:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.ports = {"openluat": free_port(), "esp-http": free_port()}
        self.gateway = Gateway(build, folder / "gateway", CONFIG.format(openluat=self.ports["openluat"],
                                                                        esp=self.ports["esp-http"]))
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/openluat", "plugins/transport/esp-http"]
        self.nodes = []
        self.gateway.start()
        for make in MAKES:
            wait_for("the transport", lambda make=make: self.gateway.row("plugins", "name", make))
            self.gateway.ctl("product", "set", f"product-{make}", f"--plugin={make}")

    def node(self, make, *options, polls=0):
        program = MAKES[make][0]
        out = self.folder / f"{program}-{len(self.nodes)}"
        process = Process(program, [self.build / "tests/nodes" / program, f"--port={self.ports[make]}", "--stall-ms=3000",
                                    f"--out={out}.bin", f"--polls={polls}", "--poll-ms=200", *options], f"{out}.log")
        process.image = out.with_suffix(".bin")
        self.nodes.append(process)
        return process

    def adopt(self, make):
        node = MAKES[make][2]
        wait_for(f"{node} in the registry", lambda: self.gateway.row("nodes", "id", node))
        self.gateway.ctl("nodes", "adopt", node, f"--product=product-{make}")

    def push(self, make, version="1.0.1", size=120_000):
        image = bootable(MAKES[make][1], version, size)
        file = self.folder / f"{make}-{version}.bin"
        file.write_bytes(image)
        self.gateway.ctl("push", file, MAKES[make][2], f"--version={version}")
        return image

    def push_to(self, node, version, *options, size=120_000):
        image = bootable(b"\xe9ESP", version, size)
        file = self.folder / f"esp-{version}.bin"
        file.write_bytes(image)
        self.gateway.ctl("push", file, node, f"--version={version}", *options)
        return image

    def wait_update(self, make, *states):
        def reached():
            row = self.gateway.row("updates", "node", MAKES[make][2])
            return row if row and row["state"] in states else None
        return wait_for(f"the update of {make} to be {states}", reached)

    def stop(self):
        for node in self.nodes:
            node.kill()
        self.gateway.stop()


@pytest.fixture
def modules(build, tmp_path, request):
    one = Modules(build, tmp_path)
    yield one
    if request.node.report_call.failed:
        print(one.gateway.logs()[-20000:])
        for node in one.nodes:
            print(f"--- {node.name}\n{node.text()[-2000:]}")
    one.stop()


@pytest.mark.parametrize("make", MAKES)
def test_update_is_proven_by_the_version_that_is_heard(modules, make):
    node = modules.node(make)
    modules.adopt(make)
    image = modules.push(make)
    wait_for("the restart", lambda: "running version 1.0.1" in node.text())
    assert node.image.read_bytes() == image
    assert modules.wait_update(make, "succeeded")["inferred"] is False
    assert node.text().count("restart") == 1


@pytest.mark.parametrize("make", MAKES)
def test_a_stranger_gets_nothing(modules, make):
    node = modules.node(make, polls=3)
    node.wait(20)
    assert "restart" not in node.text() and modules.gateway.row("nodes", "id", MAKES[make][2])


@pytest.mark.parametrize("make", MAKES)
def test_power_lost_in_mid_image_is_an_interruption_and_then_a_success(modules, make):
    modules.node(make, polls=1).wait(20)
    modules.adopt(make)
    image = modules.push(make, size=3_000_000)
    dying = modules.node(make, "--lie=die-in-middle")
    wait_for("its death", lambda: not dying.is_running())
    wait_for("an attempt that failed", lambda: (modules.gateway.row("updates", "node", MAKES[make][2]) or {})["state"]
             in ("scheduled", "offered", "downloading"))
    node = modules.node(make)
    wait_for("the restart", lambda: "running version 1.0.1" in node.text())
    assert node.image.read_bytes() == image
    modules.wait_update(make, "succeeded")


@pytest.mark.parametrize("make", MAKES)
def test_a_boot_loader_that_falls_back_is_no_success(modules, make):
    node = modules.node(make, "--lie=loop")
    modules.adopt(make)
    modules.push(make)
    row = modules.wait_update(make, "failed")
    assert "1.0.0" in modules.gateway.ctl("explain", MAKES[make][2]).stdout, row
    assert node.text().count("restart") <= 3


@pytest.mark.parametrize("make", MAKES)
def test_what_dies_after_the_last_byte_is_not_sent_it_again(modules, make):
    """A node that does not say its version would install the same image at every check."""
    modules.node(make, "--lie=die-at-end", "--version=1.0.0", polls=1).wait(20)
    modules.adopt(make)
    modules.push(make)
    dying = modules.node(make, "--lie=die-at-end")
    wait_for("its death", lambda: not dying.is_running())
    modules.wait_update(make, "downloaded")
    silent = modules.node(make, "--version=", polls=5)
    silent.wait(20)
    assert "restart" not in silent.text() and "running" not in silent.text()
    assert "sent" in modules.gateway.ctl("explain", MAKES[make][2]).stdout


def test_an_image_that_does_not_fit_is_refused_with_the_numbers(modules):
    modules.node("esp-http", polls=1, *("--free-space=100000",)).wait(20)
    modules.adopt("esp-http")
    modules.push("esp-http", size=120_000)
    modules.node("esp-http", "--free-space=100000", polls=3).wait(20)
    text = " ".join(modules.gateway.ctl("nodes", "timeline", MAC, is_checked=False).stdout.split())
    events = modules.gateway.ctl("events").stdout
    assert "room for 100000" in " ".join((text + events).split())


def test_tasmota_goes_over_its_minimal_image(modules):
    """What does not fit is seen from the head of the reply; nothing is refused, and both images arrive whole."""
    modules.gateway.ctl("product", "set", "product-esp-http", "--self-verifying=yes", "--auto-adopt=yes")
    trial = modules.node("esp-http", "--path=/fw/tasmota-minimal.bin", polls=4)
    wait_for("a node", lambda: modules.gateway.row("nodes", "id", MAC))
    modules.adopt("esp-http")
    images = []
    for number, (version, part, path) in enumerate((("11.0", "minimal", "tasmota-minimal"), ("12.0", "sketch", "tasmota")), 1):
        trial.kill()
        trial = modules.node("esp-http", f"--path=/fw/{path}.bin")
        images.append(modules.push_to(MAC, version, f"--type={part}", size=100_000 * number))
        wait_for(f"{version} to be verified", lambda number=number: (
            modules.gateway.row("firmware", "id", number) or {}).get("state") == "verified")
    trial.kill()
    other = "de:ba:7a:b1:e0:43"
    options = (f"--mac={other}", "--tasmota=1", "--path=/fw/tasmota.bin", "--free-space=150000")
    modules.node("esp-http", *options, polls=1).wait(20)
    modules.gateway.ctl("nodes", "adopt", other, "--product=product-esp-http")
    (modules.folder / "both.json").write_text('{"name": "both", "firmware": [1, 2], "who": {"nodes": ["%s"], '
                                              '"include-unknown": true}}' % other)
    modules.gateway.ctl("rules", "apply", modules.folder / "both.json")
    modules.gateway.ctl("rules", "start", "both", "--yes")
    node = modules.node("esp-http", *options)
    wait_for("both restarts", lambda: node.text().count("restart") == 2)
    assert node.image.read_bytes() == images[1]
    assert "200000 bytes do not fit" in node.text() and "asks for /fw/tasmota-minimal.bin" in node.text()
    assert "room for" not in modules.gateway.ctl("events").stdout


def test_esphome_reads_a_manifest_and_tells_its_version_in_the_url(modules):
    node = modules.node("esp-http", "--esphome=ESP32-C3", "--name=kitchen")
    wait_for("kitchen in the registry", lambda: modules.gateway.row("nodes", "id", "kitchen"))
    wait_for("a manifest without an update", lambda: "nothing new" in node.text())
    modules.gateway.ctl("nodes", "adopt", "kitchen", "--product=product-esp-http")
    image = modules.push_to("kitchen", "1.0.1")
    wait_for("the restart", lambda: "running version 1.0.1" in node.text())
    assert node.image.read_bytes() == image
    row = wait_for("success", lambda: (lambda row: row and row["state"] == "succeeded" and row)(
        modules.gateway.row("updates", "node", "kitchen")))
    assert row["inferred"] is False and node.text().count("restart") == 1
    assert "Failed" not in node.text()
