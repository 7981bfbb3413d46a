# SPDX-License-Identifier: LGPL-2.1-or-later
"""A gateway whose core and WAN worker die at the n-th step from now (crash-preload.c), as often as a test wants."""
import mmap
import struct

from gateway import wait_for

DISK, SEND, RECEIVE = 1, 2, 4
NAMES = ("core", "wan")


class Armed:
    """`one` is a Gateway that was not started; start() starts it."""

    def __init__(self, one, is_dropping=False):
        self.one, self.arms, self.paths = one, {}, {}
        self.more = {"CRASH_DROP": "1"} if is_dropping else {}
        for name in NAMES:
            self.paths[name] = one.folder / f"arm-{name}"
            self.paths[name].write_bytes(bytes(8))
            with open(self.paths[name], "r+b") as file:
                self.arms[name] = mmap.mmap(file.fileno(), 8)

    def env(self, name):
        return {"LD_PRELOAD": str(self.one.build / "tests/unit/store/crash-preload.so"),
                "CRASH_ARM": str(self.paths[name]), **(self.more if name == "core" else {})}

    def start(self):
        self.one.start(("lan",), is_supervised=False)
        self.one.start(("wan",), is_supervised=False, env=self.env("wan"))
        self.one.is_supervised.update(("lan", "wan"))
        self.one.start(("core",), env=self.env("core"))
        return self

    def arm(self, name, kinds, n):
        """From now it has n steps of these kinds to live."""
        self.arms[name][:] = struct.pack("ii", kinds, n)

    def has_fired(self, name):
        return self.left(name) == 0

    def left(self, name):
        return struct.unpack("ii", self.arms[name][:])[1]

    def disarm(self):
        for name in NAMES:
            self.arm(name, 0, 0)

    def wait_back(self):
        self.disarm()
        self.one.wait_ready()
        wait_for("the WAN worker", lambda: self.one.json("status")["wan"], 30)
