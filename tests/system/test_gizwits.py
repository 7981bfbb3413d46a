# SPDX-License-Identifier: LGPL-2.1-or-later
"""GAgent modules through the real daemons: registered and provisioned by their vendor's cloud, updated by the site."""
import os
import sys

import pytest

from gateway import PLUGIN_FOLDERS, SOURCE, Gateway, Process, free_port, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes/cloud"))
from vendor import Names, Vendor  # noqa: E402

CONFIG = """[clock]
trust=always
[wan]
passthrough-resolver=127.0.0.1:{dns}
[plugin gizwits]
listen=127.0.0.1:{port}
passthrough=http://api.gizwits.com:{vendor}
[plugin harmony]
enabled=no
"""
DID = "AbCdEfGhIjKlMnOpQrStUv"
PROVISIONING = f"/dev/devices/{DID}"


class Site:
    def __init__(self, build, folder):
        self.build, self.folder, self.nodes = build, folder, []
        self.vendor = Vendor()
        self.vendor.replies["/dev/devices"] = (201, f"did={DID}".encode(), {"Content-Type": "text/html"})
        self.vendor.replies[PROVISIONING] = (200, b"host=m2m.gizwits.com&port=1883&server_ts=1700000000", {})
        self.names = Names({"api.gizwits.com": "127.0.0.2"})
        self.port = free_port()
        self.gateway = Gateway(build, folder / "gateway", CONFIG.format(dns=self.names.port, port=self.port,
                                                                        vendor=self.vendor.port))
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/gizwits"]
        self.gateway.start()
        wait_for("the transport", lambda: self.gateway.row("plugins", "name", "gizwits"))
        wait_for("the WAN worker", lambda: "connected" in self.gateway.processes["wan"].text())

    def node(self, *options, polls=0):
        out = self.folder / f"gagent-{len(self.nodes)}"
        process = Process("gagent", [self.build / "tests/nodes/fake-gagent", f"--port={self.port}", f"--out={out}.bin",
                                     f"--polls={polls}", "--poll-ms=200", *options], f"{out}.log")
        process.image = out.with_suffix(".bin")
        self.nodes.append(process)
        return process

    def adopt(self):
        self.gateway.ctl("product", "set", "plug", "--plugin=gizwits")
        wait_for("the module", lambda: self.gateway.row("nodes", "id", DID))
        self.gateway.ctl("nodes", "adopt", DID, "--product=plug")

    def push(self, name, *form, size=100_000):
        file = self.folder / name
        file.write_bytes(os.urandom(size))
        self.gateway.ctl("push", file, DID, *form)
        return file.read_bytes()

    def stop(self):
        for node in self.nodes:
            node.kill()
        self.gateway.stop()
        self.vendor.go_away()
        self.names.stop()


@pytest.fixture
def site(build, tmp_path, request):
    one = Site(build, tmp_path)
    yield one
    if request.node.report_call.failed:
        print(one.gateway.logs()[-20000:])
        for node in one.nodes:
            print(node.text()[-3000:])
    one.stop()


def test_a_module_is_the_vendors_and_its_firmware_the_sites(site):
    node = site.node()
    wait_for("its registration", lambda: f"registered as {DID}" in node.text())
    site.adopt()
    image = site.push("GAgent_00ESP826_04020019.bin", "--version=04020019", "--hardware=00ESP826", "--type=wifi")
    wait_for("the new version", lambda: "running version 04020019" in node.text())
    assert node.image.read_bytes() == image
    wait_for("the proof", lambda: site.gateway.row("updates", "node", DID)["state"] == "succeeded")
    assert "crash" not in node.text() and "check failed" not in node.text()


def test_an_mcus_version_in_a_check_is_no_proof(site):
    node = site.node(f"--did={DID}")
    site.adopt()
    site.push("mcu_1.bin", "--version=03030009", "--hardware=03010100", "--type=mcu")
    wait_for("the image", lambda: "MCU runs 03030009" in node.text())
    before = node.text().count("provisioned")
    wait_for("three more starts", lambda: node.text().count("provisioned") > before + 3)
    assert site.gateway.row("updates", "node", DID)["state"] != "succeeded"


def test_push_method_v4(site):
    node = site.node(f"--did={DID}", "--old=1", "--version=04000003")
    site.adopt()
    site.push("old.bin", "--version=04000009", "--hardware=00ESP826", "--type=wifi", "--field=push=V4")
    wait_for("the new version", lambda: "running version 04000009" in node.text())


def test_modules_go_on_without_the_cloud(site):
    site.node(f"--did={DID}", polls=1).wait(20)
    site.adopt()
    site.vendor.go_away()
    node = site.node(f"--did={DID}")
    site.push("GAgent_00ESP826_04020019.bin", "--version=04020019", "--hardware=00ESP826", "--type=wifi")
    wait_for("the new version", lambda: "running version 04020019" in node.text(), 40)


@pytest.mark.parametrize("name, form, words", [
    ("GAgent_combine.bin", ["--version=04020019", "--hardware=00ESP826", "--type=wifi"], "combine"),
    ("wifi.hex", ["--version=04020019", "--hardware=00ESP826", "--type=wifi"], ".bin only"),
    ("short.bin", ["--version=0402001", "--hardware=00ESP826", "--type=wifi"], "8 letters"),
])
def test_what_no_module_takes_is_refused(site, name, form, words):
    site.node(f"--did={DID}", polls=1).wait(20)
    site.adopt()
    file = site.folder / name
    file.write_bytes(os.urandom(1000))
    refused = site.gateway.ctl("push", file, DID, *form, is_checked=False)
    assert refused.returncode != 0 and words in refused.stderr + refused.stdout
