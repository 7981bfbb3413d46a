# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TCP serial server with one line: raw bytes, or RFC 2217, written from the RFC and not from the client."""
import contextlib
import socket
import threading

IAC, SE, SB, WILL, WONT, DO, DONT = 255, 240, 250, 251, 252, 253, 254
COM_PORT = 44
OPTIONS = {"binary": 0, "option": COM_PORT}  # that may be refused
SETTINGS = {1: "speed", 2: "size", 3: "parity", 4: "stop", 5: "control"}


class SerialServer:
    """One connection at a time; what the node wired to it says while nobody is connected is lost, as on any wire."""

    def __init__(self, is_rfc2217=False):
        self.is_rfc2217 = is_rfc2217
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.line, self.node_fd = socket.socketpair()
        self.client, self.n_connections = None, 0
        self.settings, self.refuses = {}, set()
        self.breaks_after = None  # bytes towards the node
        threading.Thread(target=self.accept, daemon=True).start()
        threading.Thread(target=self.bring, daemon=True).start()

    @property
    def url(self):
        return f"{'rfc2217' if self.is_rfc2217 else 'tcp'}://127.0.0.1:{self.port}"

    def unplug(self):
        client, self.client = self.client, None
        if client:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.listener.close()
        self.unplug()
        self.line.close()
        self.node_fd.close()

    # towards the gateway
    def bring(self):
        """A client that goes is the next one's matter; without the line there is nothing to bring."""
        with contextlib.suppress(OSError):
            while data := self.line.recv(512):
                client = self.client
                with contextlib.suppress(OSError):
                    if client:
                        client.sendall(data.replace(b"\xff", b"\xff\xff") if self.is_rfc2217 else data)

    # from the gateway
    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.client = client
                self.n_connections += 1
                with contextlib.suppress(OSError), client:
                    self.take(client)
                self.client = None

    def take(self, client):
        rest = b""
        while data := client.recv(512):
            data, rest = self.plain(client, rest + data) if self.is_rfc2217 else (data, b"")
            if self.breaks_after is not None:
                self.breaks_after -= len(data)
                if self.breaks_after < 0:
                    self.breaks_after = None
                    self.unplug()
                    return
            self.line.sendall(data)

    def plain(self, client, data):
        """Bytes of the line, and what is not whole yet."""
        plain = bytearray()
        while data:
            if data[0] != IAC:
                plain.append(data[0])
                data = data[1:]
            elif len(data) > 1 and data[1] == IAC:
                plain.append(IAC)
                data = data[2:]
            elif len(data) > 2 and data[1] in (WILL, WONT, DO, DONT):
                client.sendall(self.answer(data[1], data[2]))
                data = data[3:]
            elif len(data) > 1 and data[1] == SB and (end := self.end_of_sub(data)):
                self.sub(client, data[2:end].replace(b"\xff\xff", b"\xff"))
                data = data[end + 2:]
            else:
                break
        return bytes(plain), data

    @staticmethod
    def end_of_sub(data):
        at = 2
        while at + 1 < len(data):
            if data[at] == IAC and data[at + 1] == SE:
                return at
            at += 2 if data[at] == IAC else 1
        return 0

    def answer(self, verb, option):
        takes = {0, 3, COM_PORT} - {number for word, number in OPTIONS.items() if word in self.refuses}
        if verb == WILL:
            return bytes([IAC, DO if option in takes else DONT, option])
        if verb == DO:
            return bytes([IAC, WILL if option in takes - {COM_PORT} else WONT, option])
        return b""

    def sub(self, client, words):
        assert words[0] == COM_PORT
        what, value = words[1], words[2:]
        if SETTINGS[what] in self.refuses:
            value = bytes([*value[:-1], value[-1] ^ 1])
        self.settings[SETTINGS[what]] = int.from_bytes(value, "big")
        client.sendall(bytes([IAC, SB, COM_PORT, what + 100]) + value.replace(b"\xff", b"\xff\xff") + bytes([IAC, SE]))
