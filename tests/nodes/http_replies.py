# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server of canned replies and bootable images, for the self-tests of emulated nodes that speak HTTP."""
import hashlib
import os
import socket
import subprocess
import threading
import time


def bootable(magic, version, size=20000):
    """An image that an emulated node starts: magic, version, LF, anything, and the SHA-256 of all of that."""
    body = magic + version.encode() + b"\n"
    body += os.urandom(size - len(body) - 32)
    return body + hashlib.sha256(body).digest()


def reply(status, body=b"", *lines, length=None):
    head = [f"HTTP/1.1 {status}", *lines]
    if length != "none":
        head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Canned:
    """One reply per connection, the last one again and again; each is bytes, or a list of pieces sent apart."""

    def __init__(self, *replies):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.replies, self.requests = list(replies), []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            self.requests.append(peer.recv(4096))
            one = self.replies[min(len(self.requests), len(self.replies)) - 1]
            try:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in one if isinstance(one, list) else [one]:
                    peer.sendall(piece)
                    time.sleep(0.01)
                peer.shutdown(socket.SHUT_WR)
                peer.recv(1)
            except OSError:
                pass
            peer.close()


def run_node(program, server, **options):
    command = [program, f"--port={server.port}", "--stall-ms=300"]
    command += [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)
