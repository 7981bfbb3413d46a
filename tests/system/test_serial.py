# SPDX-License-Identifier: LGPL-2.1-or-later
"""MCUs on serial lines through the real daemons: the gateway plays the module that they believe to talk to."""
import os
import select
import pty
import sys
import termios
import tty

import pytest

from gateway import PLUGIN_FOLDERS, SOURCE, Gateway, Process, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes"))
from http_replies import bootable  # noqa: E402

CONFIG = """[clock]
trust=always
[limits]
retry-first=1s
retry-max=2s
[plugin harmony]
enabled=no
"""
LINE = """[line {name}]
device={device}
speed=115200
plugin=quectel-at
node={name}
"""


class Mcus:
    def __init__(self, build, folder, names):
        self.build, self.folder = build, folder
        self.lines = {}
        for name in names:
            self.plug_in(name)
        config = CONFIG + "".join(LINE.format(name=name, device=self.device(name)) for name in names)
        self.gateway = Gateway(build, folder / "gateway", config)
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/quectel-at"]
        self.nodes = []
        self.gateway.start()
        wait_for("the transport", lambda: self.gateway.row("plugins", "name", "quectel-at"))
        self.gateway.ctl("product", "set", "mcus", "--plugin=quectel-at")

    def device(self, name):
        return self.folder / f"tty-{name}"

    def plug_in(self, name):
        self.lines[name] = pty.openpty()
        tty.setraw(self.lines[name][1], termios.TCSANOW)
        self.device(name).symlink_to(os.ttyname(self.lines[name][1]))

    def unplug(self, name):
        self.device(name).unlink()
        for end in self.lines.pop(name):
            os.close(end)

    def node(self, name, *options):
        master = self.lines[name][0]
        out = self.folder / f"{name}-{len(self.nodes)}"
        process = Process(name, [self.build / "tests/nodes/fake-quec-mcu", f"--name={name}",
                                 f"--fd={master}", f"--out={out}.bin", *options], f"{out}.log", pass_fds=[master])
        process.image = out.with_suffix(".bin")
        self.nodes.append(process)
        return process

    def adopt(self, name):
        wait_for(f"{name} in the registry", lambda: self.gateway.row("nodes", "id", name))
        self.gateway.ctl("nodes", "adopt", name, "--product=mcus")

    def push(self, name, version="2_0_0", size=50_000):
        image = bootable(b"MCU", version, size)
        file = self.folder / f"{name}-{version}.bin"
        file.write_bytes(image)
        self.gateway.ctl("push", file, name, f"--version={version}", "--type=STM32")
        return image

    def wait_update(self, name, *states):
        def reached():
            row = self.gateway.row("updates", "node", name)
            return row if row and row["state"] in states else None
        return wait_for(f"the update of {name} to be {states}", reached, 30)

    def stop(self):
        for node in self.nodes:
            node.kill()
        self.gateway.stop()
        for ends in self.lines.values():
            for end in ends:
                os.close(end)


@pytest.fixture
def mcus(build, tmp_path, request):
    made = []

    def make(*names):
        made.append(Mcus(build, tmp_path, names))
        return made[-1]

    yield make
    for one in made:
        if request.node.report_call.failed:
            print(one.gateway.logs()[-20000:])
            for node in one.nodes:
                print(f"--- {node.name}\n{node.text()[-2000:]}")
        one.stop()


def test_two_lines_at_once_each_with_its_own_image(mcus):
    one = mcus("shed", "mast")
    nodes, images = {}, {}
    for name in one.lines:
        nodes[name] = one.node(name)
        one.adopt(name)
        images[name] = one.push(name, version="2_0_0" if name == "shed" else "3_0_0")
    for name, node in nodes.items():
        wait_for(f"{name} to run it", lambda node=node: "upgrade succeeded" in node.text(), 40)
        assert node.image.read_bytes() == images[name]
        assert one.wait_update(name, "succeeded")["inferred"] is False


def test_a_device_that_comes_back_with_the_old_version(mcus):
    one = mcus("shed")
    node = one.node("shed", "--lie=loop")
    one.adopt("shed")
    one.push("shed")
    wait_for("a failure", lambda: "upgrade failed" in node.text(), 40)
    assert one.gateway.row("updates", "node", "shed")["state"] != "succeeded"


def test_a_device_that_refuses(mcus):
    one = mcus("shed")
    one.node("shed", "--lie=refuse")
    one.adopt("shed")
    one.push("shed")
    one.wait_update("shed", "refused")


def test_power_lost_in_mid_image_and_again_from_the_start(mcus):
    one = mcus("shed")
    dying = one.node("shed", "--lie=die-in-middle")
    one.adopt("shed")
    image = one.push("shed")
    wait_for("its death", lambda: not dying.is_running(), 40)
    node = one.node("shed")
    wait_for("the upgrade", lambda: "upgrade succeeded" in node.text(), 40)
    assert node.image.read_bytes() == image
    one.wait_update("shed", "succeeded")


def test_unplugged_in_mid_image_and_plugged_in_again_L11(mcus):
    one = mcus("shed", "mast")
    dying = one.node("shed", "--lie=die-in-middle")
    calm = one.node("mast")
    for name in ("shed", "mast"):
        one.adopt(name)
    image = one.push("shed", size=200_000)
    wait_for("its death", lambda: not dying.is_running(), 40)
    one.unplug("shed")
    other = one.push("mast", version="3_0_0")
    wait_for("the other line", lambda: "upgrade succeeded" in calm.text(), 40)
    assert calm.image.read_bytes() == other
    one.plug_in("shed")
    node = one.node("shed")
    wait_for("the upgrade", lambda: "upgrade succeeded" in node.text(), 40)
    assert node.image.read_bytes() == image


def test_noise_between_commands_L11(mcus):
    """A megabyte of it, and the next command is understood; the other line does not notice."""
    one = mcus("shed", "mast")
    calm = one.node("mast")
    master = one.lines["shed"][0]
    left = os.urandom(1_000_000) + b"\r\n"
    while left:  # what is answered is thrown away, else neither side could write
        is_readable, is_writable, _ = select.select([master], [master], [], 20)
        assert is_readable or is_writable, f"the line takes no more, {len(left)} bytes before the end"
        if is_readable:
            os.read(master, 65536)
        if is_writable:
            os.set_blocking(master, False)
            left = left[os.write(master, left[:4000]):]
            os.set_blocking(master, True)
    node = one.node("shed")
    for name, version in (("mast", "2_0_0"), ("shed", "3_0_0")):
        one.adopt(name)
        one.push(name, version=version)
    for each in (calm, node):
        wait_for("the upgrade", lambda each=each: "upgrade succeeded" in each.text(), 40)
