# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a wall clock does that is wrong, jumps, or counts a leap second, with a whole gateway around it."""
import calendar
import mmap
import os
import struct
import time

import pytest

from gateway import free_port, wait_for
from test_offline import Nodes

CONFIG = """[clock]
trust=always
[plugin harmony]
listen=127.0.0.1:{port}
inference-apart=100ms
inference-bytes=200ms
"""
YEAR_S = 365 * 86400
NOON = calendar.timegm((2027, 6, 30, 12, 0, 0))
MIDNIGHT = NOON + 43200  # a leap second may stand before it


class Wall:
    """The wall clock of the core; set() says what time it is now."""

    def __init__(self, path):
        path.write_bytes(bytes(8))
        self.path, file = path, open(path, "r+b")
        self.map = mmap.mmap(file.fileno(), 8)

    def set(self, seconds):
        self.map[:] = struct.pack("q", int((seconds - time.time()) * 1e9))

    def now(self):
        return time.time() + struct.unpack("q", self.map[:])[0] / 1e9


@pytest.fixture
def clocked(gateway, tmp_path):
    """clocked(seconds) is a gateway whose core believes that it is then, with two adopted nodes and a proven image."""
    def make(seconds, hours=""):
        port = free_port()
        one, wall = gateway(CONFIG.format(port=port)), Wall(tmp_path / "wall")
        nodes = Nodes(port, ["a", "b"])
        wall.set(seconds)
        one.start(("lan", "wan"), is_supervised=False)
        one.start(("core",), is_supervised=False, env={
            "LD_PRELOAD": str(one.build / "tests/system/clock-preload.so"), "CLOCK_OFFSET": str(wall.path)})
        wait_for("the transport", lambda: one.row("plugins", "name", "harmony"))
        one.ctl("product", "set", "weather", "--plugin=harmony")
        (tmp_path / "fw.bin").write_bytes(b"\0" + os.urandom(9999))
        one.ctl("import", tmp_path / "fw.bin", "--product=weather", "--version=5")
        for name in ("trial", *nodes.names):
            one.ctl("nodes", "set", name, "--product=weather")
            one.ctl("nodes", "adopt", name, "--product=weather")
        one.ctl("nodes", "set", "proof", "--product=weather")
        one.ctl("nodes", "adopt", "proof", "--product=weather")
        one.ctl("firmware", "confirm", "1", "--node=proof", "--version=5")
        one.ctl("rules", "create", "all", "--firmware=1", "--include-unknown", *([f"--hours={hours}"] if hours else []))
        one.ctl("rules", "start", "all", "--yes")
        return one, wall, nodes
    return make


def loaded(nodes):
    """Names of those that are offered an image now; they load it."""
    return [name for name in nodes.names if nodes.load(name)]


def n_updates(one):
    """Of each node."""
    rows = one.rows("updates", "--limit=500")
    return {name: sum(row["node"] == name for row in rows) for name in ("a", "b")}


def settle(one, nodes):
    """Each was heard often enough after its download."""
    wait_for("the inference", lambda: nodes.ask_all() and all(
        row["state"] == "succeeded" for row in one.rows("updates")), step=0.15)


def test_E4_clock_of_1970(clocked):
    one, wall, nodes = clocked(86400)
    assert "clock is not trusted" in one.ctl("status").stdout
    for _ in range(5):
        assert nodes.load("trial") is None
    assert one.rows("updates") == []
    wall.set(NOON)
    wait_for("the offers", lambda: loaded(nodes) == ["a", "b"])
    settle(one, nodes)
    assert n_updates(one) == {"a": 1, "b": 1}


def test_E4_jumps(clocked):
    """Thirty years on, an hour back, into 1970 and back again: nobody is updated twice, and nothing is forgotten."""
    one, wall, nodes = clocked(NOON)
    wait_for("the offers", lambda: loaded(nodes) == ["a", "b"])
    settle(one, nodes)
    for seconds in (NOON + 30 * YEAR_S, NOON, NOON - 3600, 86400, NOON):
        wall.set(seconds)
        for _ in range(3):
            assert loaded(nodes) == []
        assert n_updates(one) == {"a": 1, "b": 1}
    one.kill("core")
    one.processes["core"].wait()
    wall.set(NOON + 30 * YEAR_S)
    one.processes["core"].start()
    one.wait_ready()
    wait_for("the transport", lambda: one.row("plugins", "name", "harmony"))
    for _ in range(3):
        assert loaded(nodes) == []
    assert n_updates(one) == {"a": 1, "b": 1}


def test_E4_leap_second_before_a_window(clocked):
    """23:59:59 comes twice, and once more by a step back out of the window that has begun."""
    one, wall, nodes = clocked(NOON, hours="00:00-04:00")
    wall.set(MIDNIGHT - 1)
    assert loaded(nodes) == []
    wall.set(MIDNIGHT - 1)
    wait_for("the window", lambda: loaded(nodes) == ["a", "b"])
    assert MIDNIGHT <= wall.now() < MIDNIGHT + 20
    wall.set(MIDNIGHT - 1)
    settle(one, nodes)
    wall.set(MIDNIGHT + 5)
    for _ in range(3):
        assert loaded(nodes) == []
    assert n_updates(one) == {"a": 1, "b": 1}
