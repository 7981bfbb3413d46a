# SPDX-License-Identifier: LGPL-2.1-or-later
"""MCUs behind TCP serial servers, raw and RFC 2217, through the real daemons."""
import pytest

from gateway import Process, wait_for
from serial_server import SerialServer
from test_serial import GizwitsMcus, Mcus


class Served(Mcus):
    """The same MCUs, each behind a server; the name says which: raw-NAME, telnet-NAME."""
    mode = "8n1"

    def plug_in(self, name):
        self.lines[name] = SerialServer(is_rfc2217=name.startswith("telnet"))

    def section(self, name):
        return (f"[line {name}]\ndevice={self.lines[name].url}\nspeed={self.speed}\nmode={self.mode}\n"
                f"plugin={self.plugin}\nnode={name}\n")

    def node(self, name, *options):
        fd = self.lines[name].node_fd.fileno()
        out = self.folder / f"{name}-{len(self.nodes)}"
        process = Process(name, [self.build / "tests/nodes" / self.program, f"--name={name}", f"--fd={fd}",
                                 f"--out={out}.bin", *options], f"{out}.log", pass_fds=[fd])
        process.image = out.with_suffix(".bin")
        self.nodes.append(process)
        return process

    def stop(self):
        for node in self.nodes:
            node.kill()
        self.gateway.stop()
        for server in self.lines.values():
            server.stop()


class ServedGizwits(Served, GizwitsMcus):
    mode = "8e1 rtscts"


@pytest.fixture
def served(build, tmp_path, request):
    made = []

    def make(*names, kind=Served):
        made.append(kind(build, tmp_path, names))
        return made[-1]

    yield make
    for one in made:
        if request.node.report_call.failed:
            print(one.gateway.logs()[-20000:])
            for node in one.nodes:
                print(f"--- {node.name}\n{node.text()[-2000:]}")
        one.stop()


def test_raw_and_rfc2217_at_once(served):
    one = served("raw-shed", "telnet-mast")
    nodes, images = {}, {}
    for name in one.lines:
        nodes[name] = one.node(name)
        one.adopt(name)
        images[name] = one.push(name, version="2_0_0" if name == "raw-shed" else "3_0_0")
    for name, node in nodes.items():
        wait_for(f"{name} to run it", lambda node=node: "upgrade succeeded" in node.text(), 60)
        assert node.image.read_bytes() == images[name]
        one.wait_update(name, "succeeded")
    assert one.lines["telnet-mast"].settings == {"speed": 115200, "size": 8, "parity": 1, "stop": 1, "control": 1}


def test_speed_and_framing_are_set_and_ff_is_doubled(served):
    """Every FF of the image is doubled on its way, and stuffed by the protocol above."""
    one = served("telnet-pump", kind=ServedGizwits)
    node = one.node("telnet-pump", "--piece=512")
    one.adopt("telnet-pump")
    image = one.push("telnet-pump", size=5000)
    assert b"\xff" in image
    wait_for("the new version", lambda: "running version 03030009" in node.text(), 60)
    assert node.image.read_bytes() == image
    assert one.lines["telnet-pump"].settings == {"speed": 9600, "size": 8, "parity": 3, "stop": 1, "control": 3}


@pytest.mark.parametrize("name", ["raw-pump", "telnet-pump"])
def test_a_lost_connection_is_a_pulled_plug_L11(served, name):
    one = served(name, "raw-calm", kind=ServedGizwits)
    one.lines[name].breaks_after = 1500
    node, calm = one.node(name), one.node("raw-calm")
    one.adopt(name)
    image = one.push(name, size=3000)
    wait_for("the line to be lost", lambda: one.lines[name].n_connections > 1, 60)
    wait_for("the new version", lambda: "running version 03030009" in node.text(), 90)
    assert node.image.read_bytes() == image
    assert one.lines["raw-calm"].n_connections == 1 and calm.is_running()


@pytest.mark.parametrize("refusal", ["option", "speed", "parity", "binary"])
def test_a_server_that_sets_lines_otherwise(served, refusal):
    """The bytes would be noise: nothing is opened, and it is tried again."""
    one = served("telnet-shed", "raw-calm")
    server = one.lines["telnet-shed"]
    wait_for("the line", lambda: "line telnet-shed is open" in one.gateway.logs())
    server.refuses = {refusal}
    server.unplug()
    wait_for("the reason", lambda: "line telnet-shed: the serial server does not set" in one.gateway.logs(), 60)
    server.refuses = set()
    wait_for("the line again", lambda: one.gateway.logs().count("line telnet-shed is open") > 1, 60)
    node = one.node("telnet-shed")
    one.adopt("telnet-shed")
    one.push("telnet-shed")
    wait_for("the upgrade", lambda: "upgrade succeeded" in node.text(), 90)
