# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated MCU behind a Gizwits module must fail where the vendor's program fails."""
import hashlib
import socket
import subprocess

import pytest

from giz_frames import Frames, announcement, frame, intel_hex, piece
from http_replies import bootable

IMAGE = bootable(b"GIZ", "03030009", 1000)


class Mcu:
    def __init__(self, build, **options):
        self.peer, theirs = socket.socketpair()
        self.peer.settimeout(20)
        command = [build / "tests/nodes/fake-giz-mcu", f"--fd={theirs.fileno()}"]
        command += [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[theirs.fileno()])
        theirs.close()
        self.frames = Frames(self.peer)

    def send(self, data):
        self.peer.sendall(data)

    def hear(self, command):
        """Frames up to the first of that command."""
        while True:
            got = self.frames.take()
            if got[0] == command:
                return got

    def announce(self, image, md5=None):
        self.send(announcement(2, len(image), md5 or hashlib.md5(image).hexdigest()))
        ready = self.hear(0x1B)
        self.send(frame(0x1C, ready[1]))
        return ready

    def pieces(self, pieces, flags=lambda number, count: 0, count=None):
        """Each but the last is acknowledged."""
        count = len(pieces) if count is None else count
        for number, data in enumerate(pieces, 1):
            self.send(piece(2 + number, number, count, data, flags(number, len(pieces))))
            if number < len(pieces):
                assert self.hear(0x1E)[1] == 2 + number

    def version(self):
        self.send(frame(0x01, 99))
        return self.hear(0x02)[3][24:32].decode()

    def end(self):
        self.peer.close()
        return self.process.communicate(timeout=20)[0]


@pytest.fixture
def mcu(build, request):
    started = []

    def start(**options):
        started.append(Mcu(build, **options))
        return started[-1]
    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def parts(image, size=256):
    return [image[at:at + size] for at in range(0, len(image), size)]


def test_it_says_who_it_is(mcu):
    """As it was captured: the question is ff ff 0005 01 00 0000 06."""
    one = mcu()
    one.send(bytes.fromhex("ffff00050100000006"))
    command, serial, _, info = one.frames.take()
    assert (command, serial) == (0x02, 0)
    assert info.startswith(b"0000000400000002" b"03010100" b"03030006")


def test_a_good_upgrade_ends_without_acknowledgement(mcu):
    one = mcu()
    _, _, flags, ready = one.announce(IMAGE)
    assert flags == 0 and ready[:2] == b"\x00\x20" and ready[-2:] == b"\x01\x00"
    one.pieces(parts(IMAGE))
    assert one.frames.take()[0] == 0x29  # no 0x1e before it
    assert one.version() == "03030009"


def test_one_that_acknowledges_the_last_piece(mcu):
    one = mcu(lie="acknowledge-last")
    one.announce(IMAGE)
    one.pieces(parts(IMAGE))
    assert [one.frames.take()[0] for _ in range(2)] == [0x1E, 0x29]


def test_lines_of_intel_hex(mcu):
    one = mcu(hex=1)
    lines = intel_hex(IMAGE)
    assert one.announce(b"".join(lines))[2] == 1
    one.pieces(lines, lambda number, count: 3 if number == count else 1, count=0)
    assert one.frames.take()[0] == 0x29
    assert one.version() == "03030009"


def test_a_piece_that_comes_twice_spoils_the_digest(mcu):
    one = mcu()
    one.announce(IMAGE)
    pieces = parts(IMAGE)
    one.send(piece(2, 1, len(pieces), pieces[0]))
    one.hear(0x1E)
    one.pieces(pieces)
    assert one.hear(0x27)
    assert one.version() == "03030006"


@pytest.mark.parametrize("fault", ["digest", "size"])
def test_what_it_stops(mcu, fault):
    one = mcu()
    if fault == "digest":
        one.announce(IMAGE, "0" * 32)
        one.pieces(parts(IMAGE))
    else:
        one.send(announcement(2, 26 * 1024 + 1, "0" * 32))
    assert one.hear(0x27)
    assert one.version() == "03030006"


def test_ff_that_is_not_stuffed_loses_the_piece(mcu):
    one = mcu()
    one.announce(IMAGE)
    good = piece(3, 1, 4, bytes(range(256))[::-1])
    one.send(good[:2] + good[2:].replace(b"\xff\x55", b"\xff"))
    one.send(frame(0x07, 50))
    assert one.hear(0x08)[1] == 50
    assert "a broken frame" in one.end()


def test_a_wrong_sum_is_not_understood(mcu):
    one = mcu()
    one.announce(IMAGE)
    one.send(piece(3, 1, 4, IMAGE[:256])[:-1] + b"\x00")
    assert one.hear(0x11)[3] == b"\x01"


def test_a_frame_of_more_than_its_buffer_crashes_it(mcu):
    one = mcu(piece=1000)
    one.announce(IMAGE)
    one.send(piece(3, 1, 1, IMAGE))
    assert one.process.wait(timeout=20) == 70


def test_an_image_that_is_no_program_bricks_it(mcu):
    one = mcu()
    one.announce(b"x" * 100)
    one.pieces([b"x" * 100])
    assert one.process.wait(timeout=20) == 70


@pytest.mark.parametrize("lie,code", [("die-in-middle", 75), ("die-at-end", 75)])
def test_power_that_is_lost(mcu, lie, code):
    one = mcu(lie=lie)
    one.announce(IMAGE)
    for number, data in enumerate(parts(IMAGE), 1):
        one.send(piece(2 + number, number, 4, data))
    assert one.process.wait(timeout=20) == code
    assert "running version" not in one.end()


def test_one_that_comes_back_with_the_old_version(mcu):
    one = mcu(lie="loop")
    one.announce(IMAGE)
    one.pieces(parts(IMAGE))
    one.hear(0x29)
    assert one.version() == "03030006"
