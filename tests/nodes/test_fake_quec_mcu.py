# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated MCU behind a QuecThing module must fail where real programs fail."""
import hashlib
import re
import socket
import subprocess
import threading

import pytest

from http_replies import bootable

IMAGE = bootable(b"MCU", "2_0_0", 5000)


class Module(threading.Thread):
    """A module that answers OK, announces one plan and serves the image; each fault is one documented bad reply."""

    def __init__(self, peer, fault="", image=IMAGE, md5=None):
        super().__init__(daemon=True)
        self.peer, self.fault, self.image, self.lines = peer, fault, image, []
        self.md5 = md5 or hashlib.md5(image).hexdigest()

    def send(self, text):
        self.peer.sendall(text if isinstance(text, bytes) else text.encode())

    def event(self, code, data=""):
        self.send(f"\r\n+QIOTEVT: 7,{code}{',' + data if data else ''}\r\n")

    def plan(self):
        blank = " " if self.fault == "blank" else ""
        self.event(10700, f'"STM32",{blank}"1_0_0","2_0_0",30,-113,{len(self.image)}' if self.fault != "long" else "x" * 300)

    def accepted(self):
        size = len(self.image)
        self.event(10701, f'"STM32",{size},"{self.md5}",1')
        self.event(10703, f'"STM32",{size},{1 if self.fault == "base 1" else 0},{size}')

    def block(self, offset, count):
        data = self.image[offset:offset + count]
        if self.fault == "ERROR":
            self.send("\r\nERROR\r\n")
        elif self.fault == "short":
            self.send(f"\r\n+QIOTOTARD: {offset},{len(data)}\r\n".encode() + data[:-10])
        else:
            self.send(f"\r\n+QIOTOTARD: {offset},{len(data)}\r\n".encode() + data + b"\r\n\r\nOK\r\n")

    def run(self):
        try:
            for line in self.peer.makefile("rb"):
                self.answer(line.decode().strip())
        except OSError:
            pass  # it lost power

    def answer(self, text):
        self.lines.append(text)
        found = re.fullmatch(r"AT\+QIOTOTARD=(\d+),(\d+)", text)
        if found:
            self.block(int(found[1]), int(found[2]))
            return
        self.send("\r\nOK\r\n")
        if text.startswith("AT+QIOTOTAREQ"):
            self.plan()
        elif text == "AT+QIOTUPDATE=1":
            self.accepted()


def run(build, fault="", image=IMAGE, md5=None, **options):
    ours, theirs = socket.socketpair()
    module = Module(ours, fault, image, md5)
    module.start()
    command = [build / "tests/nodes/fake-quec-mcu", f"--fd={theirs.fileno()}", "--stall-ms=300"]
    command += [f"--{key}={value}" for key, value in options.items()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, pass_fds=[theirs.fileno()])
    ours.close()
    result.lines = module.lines
    return result


def test_a_good_upgrade(build):
    result = run(build)
    assert "running version 2_0_0" in result.stdout
    reads = [line for line in result.lines if "OTARD" in line]
    assert reads[0] == "AT+QIOTOTARD=0,974" and reads[-1] == "AT+QIOTOTARD=4870,130"
    assert result.lines[-2:] == ["AT+QIOTUPDATE=3", 'AT+QIOTMCUVER="STM32","2_0_0"']


def test_the_plan_is_confirmed_at_once(build):
    lines = run(build).lines
    assert lines[lines.index("AT+QIOTOTAREQ=0") + 1] == "AT+QIOTUPDATE=1"


@pytest.mark.parametrize("fault", ["ERROR", "short"])
def test_it_waits_for_a_block_for_ever(build, fault):
    result = run(build, fault)
    assert "frozen" in result.stdout and "block" in result.stdout and result.returncode == 75


def test_data_behind_a_blank_is_lost(build):
    assert 'plan "STM32",\n' in run(build, "blank").stdout


def test_a_long_event_crashes_it(build):
    assert run(build, "long").returncode == 70


def test_offsets_are_those_of_the_piece(build):
    """A module that counts from 1 gives it one byte less than the whole, and it waits for the rest."""
    result = run(build, "base 1")
    assert [line for line in result.lines if "OTARD" in line][0] == "AT+QIOTOTARD=1,974"
    assert "running version 2_0_0" not in result.stdout


def test_a_wrong_digest_keeps_the_old_version(build):
    result = run(build, md5="0" * 32)
    assert "MD5 mismatch: stays at 1_0_0" in result.stdout and result.lines[-1] == 'AT+QIOTMCUVER="STM32","1_0_0"'


@pytest.mark.parametrize("lie,said", [("die-in-middle", "lost power in mid-image"), ("loop", "running version 1_0_0"),
                                      ("die-at-end", "lost power after the last byte")])
def test_lies_never_run_the_new_version(build, lie, said):
    result = run(build, lie=lie)
    assert said in result.stdout and "running version 2_0_0" not in result.stdout


def test_a_refusal(build):
    result = run(build, lie="refuse")
    assert "AT+QIOTUPDATE=0" in result.lines and not any("OTARD" in line for line in result.lines)
