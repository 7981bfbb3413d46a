# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device vendor's own cloud and the DNS server that knows where it is, for what a gateway passes on. It stands at
127.0.0.2, since a gateway refuses to be led to its own address, and can be slow or away."""
import http.server
import socket
import struct
import threading
import time

ADDRESS = "127.0.0.2"


class Vendor:
    """`replies` holds path -> (status, body, headers); every other path is 404. `requests` is what was asked."""

    def __init__(self, address=ADDRESS):
        self.replies, self.requests, self.delay, self.lock = {}, [], 0, threading.Lock()
        self.address, self.server, self.port = address, None, 0
        self.start()

    def start(self):
        handler = type("VendorHandler", (Handler,), {"vendor": self})
        self.server = Server((self.address, self.port), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def go_away(self):
        """Refuses connections; start() brings it back at the same port."""
        self.server.shutdown()
        self.server.server_close()

    def count(self, path):
        with self.lock:
            return sum(request["path"].split("?")[0] == path for request in self.requests)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    vendor = None

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.vendor.lock:
            self.vendor.requests.append({"method": self.command, "path": self.path, "body": body,
                                         "headers": dict(self.headers)})
        time.sleep(self.vendor.delay)
        status, body, headers = self.vendor.replies.get(self.path.split("?")[0], (404, b"", {}))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer


class Names:
    """A DNS server: `names` holds host -> IPv4 address; of others it knows nothing."""

    def __init__(self, names):
        self.names, self.asked = names, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            self.socket.sendto(self.reply(query), peer)

    def reply(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += query[at] + 1
        host, question = ".".join(labels).lower(), query[12:at + 5]
        self.asked.append(host)
        address = self.names.get(host)
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address) if address else b""
        return query[:2] + struct.pack("!HHHHH", 0x8180 if address else 0x8183, 1, int(bool(address)), 0, 0) \
            + question + answer

    def stop(self):
        self.socket.close()
