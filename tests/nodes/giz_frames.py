# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames between a Gizwits Wi-Fi module and its MCU, written from the protocol and not from the plugin."""


def stuffed(data):
    return data.replace(b"\xff", b"\xff\x55")


def frame(command, serial=0, payload=b"", flags=0):
    body = (5 + len(payload)).to_bytes(2, "big") + bytes([command, serial]) + flags.to_bytes(2, "big") + payload
    return b"\xff\xff" + stuffed(body + bytes([sum(body) % 256]))


def announcement(serial, size, md5):
    return frame(0x19, serial, size.to_bytes(4, "big") + b"\x00\x20" + md5.encode())


def piece(serial, number, count, data, flags=0):
    return frame(0x1D, serial, number.to_bytes(2, "big") + count.to_bytes(2, "big") + data, flags)


def intel_hex(data, end=b"\r\n"):
    """The lines of it, each with its end."""
    def line(kind, address, part):
        body = bytes([len(part)]) + address.to_bytes(2, "big") + bytes([kind]) + part
        return b":" + (body + bytes([-sum(body) % 256])).hex().upper().encode() + end
    lines = [line(0, at, data[at:at + 16]) for at in range(0, len(data), 16)]
    return lines + [line(1, 0, b"")]


class Frames:
    """What comes over a socket, one (command, serial, flags, payload) after the other."""

    def __init__(self, peer):
        self.peer, self.data = peer, b""

    def byte(self):
        while not self.data:
            self.data = self.peer.recv(4096)
            if not self.data:
                raise EOFError
        first, self.data = self.data[0], self.data[1:]
        return first

    def content(self, count):
        taken = bytearray()
        while len(taken) < count:
            taken.append(self.byte())
            if taken[-1] == 0xFF:
                assert self.byte() == 0x55
        return bytes(taken)

    def take(self):
        assert (self.byte(), self.byte()) == (0xFF, 0xFF)
        length = self.content(2)
        body = self.content(int.from_bytes(length, "big"))
        assert sum(length + body[:-1]) % 256 == body[-1]
        return body[0], body[1], int.from_bytes(body[2:4], "big"), body[4:-1]
