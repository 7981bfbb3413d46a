# SPDX-License-Identifier: LGPL-2.1-or-later
"""MCUs on serial lines through the real daemons: the gateway plays the module that they believe to talk to."""
import hashlib
import os
import select
import pty
import sys
import termios
import tty

import pytest

from gateway import PLUGIN_FOLDERS, SOURCE, Gateway, Process, free_port, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes"))
from giz_frames import intel_hex  # noqa: E402
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
speed={speed}
plugin={plugin}
node={name}
"""


class Mcus:
    """MCUs behind a QuecThing module, each on a line of its own."""
    plugin, program, speed = "quectel-at", "fake-quec-mcu", 115200
    others = ()  # plugins that they need too

    def __init__(self, build, folder, names):
        self.build, self.folder = build, folder
        self.lines = {}
        for name in names:
            self.plug_in(name)
        self.gateway = Gateway(build, folder / "gateway", CONFIG + self.config() + "".join(map(self.section, names)))
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/format/hex",
                                       *(f"plugins/transport/{one}" for one in (self.plugin, *self.others))]
        self.nodes = []
        self.gateway.start()
        wait_for("the transport", lambda: self.gateway.row("plugins", "name", self.plugin))
        self.gateway.ctl("product", "set", "mcus", f"--plugin={self.plugin}")

    def config(self):
        return ""

    def section(self, name):
        return LINE.format(name=name, device=self.device(name), plugin=self.plugin, speed=self.speed)

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
        process = Process(name, [self.build / "tests/nodes" / self.program, f"--name={name}",
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


class GizwitsMcus(Mcus):
    plugin, program, speed = "gizwits-mcu", "fake-giz-mcu", 9600

    def push(self, name, version="03030009", size=20_000, suffix="bin"):
        image = bootable(b"GIZ", version, size)
        if suffix == "hex":
            image = b"".join(intel_hex(image))
        file = self.folder / f"{name}-{version}.{suffix}"
        file.write_bytes(image)
        self.gateway.ctl("push", file, name, f"--version={version}", "--hardware=03010100", "--type=mcu")
        return image


class Modules(Mcus):
    """Air720 on two lines each: NAME, and NAME-2, which is only listened to."""
    plugin, program, others = "openluat-at", "fake-luat-at", ("openluat",)
    old, new = "AirM2M_720_V422_LTE_AT", "AirM2M_720_V9999_LTE_AT_NAND"

    def config(self):
        self.port = free_port()
        return (f"[plugin openluat]\nlisten=127.0.0.1:{self.port}\n[plugin openluat-at]\npoll=1s\n"
                f"url=http://127.0.0.1:{self.port}/openluat/\nread-only=mast-2\n")

    def section(self, name):
        return LINE.format(name=name, device=self.device(name), plugin=self.plugin, speed=self.speed).replace(
            f"node={name}", f"node={name.removesuffix('-2')}")

    def node(self, name, *options):
        second = [f"--uart2={self.second}"] if self.second else []
        return super().node(name, f"--version={self.old}", *second, *options)

    second = ""

    def push(self, name, size=20_000):
        image = bootable(b"LUAT", self.new, size)
        file = self.folder / f"{name}.bin"
        file.write_bytes(image)
        self.gateway.ctl("push", file, name, f"--version={self.new}")
        return image


@pytest.fixture
def mcus(build, tmp_path, request):
    made = []

    def make(*names, kind=Mcus):
        made.append(kind(build, tmp_path, names))
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


@pytest.mark.parametrize("options", [[], ["--lie=acknowledge-last"]])
def test_a_frame_by_frame_upgrade(mcus, options):
    """Whether the last piece is acknowledged or not: the device info decides."""
    one = mcus("pump", kind=GizwitsMcus)
    node = one.node("pump", "--piece=512", *options)
    one.adopt("pump")
    image = one.push("pump")
    wait_for("the new version", lambda: "running version 03030009" in node.text(), 60)
    assert node.image.read_bytes() == image
    assert one.wait_update("pump", "succeeded")["inferred"] is False


def test_lines_of_intel_hex_stay_lines(mcus):
    one = mcus("pump", kind=GizwitsMcus)
    node = one.node("pump", "--hex=1")
    one.adopt("pump")
    image = one.push("pump", size=2000, suffix="hex")
    wait_for("the new version", lambda: "running version 03030009" in node.text(), 60)
    assert node.image.read_bytes() == image
    one.wait_update("pump", "succeeded")


def test_a_product_takes_the_binary_of_intel_hex(mcus):
    """Its MCUs want binaries, and the factory has HEX files: with a gap, which is filled."""
    one = mcus("pump", kind=GizwitsMcus)
    node = one.node("pump")
    one.adopt("pump")
    one.gateway.ctl("product", "set", "mcus", "--to-binary=yes")
    body = b"GIZ03030009\n" + b"x" * 4 + b"\xff" * 16 + os.urandom(992)
    image = body + hashlib.sha256(body).digest()
    lines = intel_hex(image)
    file = one.folder / "pump.hex"
    file.write_bytes(b"".join(lines[:1] + lines[2:]))
    one.gateway.ctl("push", file, "pump", "--version=03030009", "--hardware=03010100", "--type=mcu")
    wait_for("the new version", lambda: "running version 03030009" in node.text(), 60)
    assert node.image.read_bytes() == image
    one.wait_update("pump", "succeeded")


def test_the_other_kind_of_file_is_refused(mcus):
    one = mcus("pump", kind=GizwitsMcus)
    node = one.node("pump", "--hex=1")
    one.adopt("pump")
    one.push("pump")
    one.wait_update("pump", "refused")
    wait_for("what it heard", lambda: "not understood: 4" in node.text())


def test_a_piece_that_was_lost_is_sent_again(mcus):
    one = mcus("pump", kind=GizwitsMcus)
    node = one.node("pump", "--lose=1", "--piece=512")
    one.adopt("pump")
    one.push("pump")
    wait_for("the new version", lambda: "running version 03030009" in node.text(), 60)
    one.wait_update("pump", "succeeded")


def test_an_image_without_room_is_refused(mcus):
    one = mcus("pump", kind=GizwitsMcus)
    node = one.node("pump")
    one.adopt("pump")
    one.push("pump", size=30_000)
    one.wait_update("pump", "refused")
    assert "no room for it" in node.text()


def test_a_frame_by_frame_upgrade_that_changes_nothing(mcus):
    one = mcus("pump", kind=GizwitsMcus)
    node = one.node("pump", "--lie=loop")
    one.adopt("pump")
    one.push("pump", size=3000)
    wait_for("the old version again", lambda: node.text().count("running version 03030006") > 1, 90)
    assert one.gateway.row("updates", "node", "pump")["state"] != "succeeded"


def test_power_lost_between_frames_and_again_from_the_start(mcus):
    one = mcus("pump", kind=GizwitsMcus)
    dying = one.node("pump", "--lie=die-in-middle")
    one.adopt("pump")
    image = one.push("pump", size=3000)
    wait_for("its death", lambda: not dying.is_running(), 60)
    node = one.node("pump")
    wait_for("the new version", lambda: "running version 03030009" in node.text(), 90)
    assert node.image.read_bytes() == image
    one.wait_update("pump", "succeeded")


def said_of(one, node):
    """The last thing that is told of its update."""
    return str(one.gateway.ctl("explain", node))


def test_a_module_is_told_where_to_fetch(mcus):
    """The line says when, the network brings the bytes, and the version that it says afterwards is the proof."""
    one = mcus("mast", kind=Modules)
    node = one.node("mast")
    one.adopt("mast")
    image = one.push("mast")
    wait_for("the new version", lambda: f"running version {one.new}" in node.text(), 60)
    assert node.image.read_bytes() == image
    assert one.wait_update("mast", "succeeded")["inferred"] is False
    assert 'set "AUTO",0' in node.text() and 'set "PERIOD",86400' in node.text()


def test_a_module_that_says_why_it_failed(mcus):
    one = mcus("mast", kind=Modules)
    one.node("mast", "--lie=full")
    one.adopt("mast")
    one.push("mast")
    wait_for("its reason", lambda: "-1005" in said_of(one, "mast"), 60)


def test_a_module_that_comes_back_with_the_old_firmware(mcus):
    one = mcus("mast", kind=Modules)
    one.node("mast", "--lie=loop")
    one.adopt("mast")
    one.push("mast")
    wait_for("its reason", lambda: f"came back with {one.old}" in said_of(one, "mast"), 60)
    assert one.gateway.row("updates", "node", "mast")["state"] != "succeeded"


def test_the_second_port_of_a_module_is_only_listened_to(mcus):
    one = mcus("mast-2", kind=Modules)
    master = one.lines["mast-2"][0]
    os.write(master, b"\r\n+UPGRADDL: 10\r\n+UPGRADEVER: \"AirM2M_720_V9999_LTE_AT_NAND\"\r\n")
    one.adopt("mast")
    wait_for("its version", lambda: one.new in str(one.gateway.ctl("nodes", "show", "mast")))
    assert not select.select([master], [], [], 0)[0]
