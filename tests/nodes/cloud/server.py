# SPDX-License-Identifier: LGPL-2.1-or-later
"""A web server of static files as a cloud would be: ETag, Last-Modified, conditional requests, one range with If-Range.
It counts what it is asked, and can be told to misbehave in the ways that clouds do."""
import base64
import dataclasses
import email.utils
import fnmatch
import hashlib
import http.server
import itertools
import json
import pathlib
import re
import socket
import ssl
import threading
import time
import urllib.parse

STEP = 16 * 1024
MISDEEDS = """slow=N        N bytes a second         stall=N       nothing more after N bytes
cut=N         close after N bytes      endless=1     the body never ends
redirect=URL  302 to URL               status=N      answer N
retry-after=N 429 and Retry-After: N   wrong-range=1 ranges begin at another byte
ignore-range=1, no-etag=1, weak-etag=1, flip-etag=1 (another one each time), chunked=1
times=N       only the first N requests"""


@dataclasses.dataclass
class Reply:
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    file: pathlib.Path = None
    first: int = 0
    size: int = 0

    def blocks(self, step):
        with open(self.file or "/dev/null", "rb") as file:
            file.seek(self.first)
            left = self.size
            while left > 0 and (block := file.read(min(step, left))):
                left -= len(block)
                yield block


class Cloud:
    """What all requests share: the folder, the log, credentials and misdeeds."""

    def __init__(self, folder, log=None, token=None, user=None):
        self.folder, self.log = pathlib.Path(folder), pathlib.Path(log) if log else None
        self.token, self.user = token, user
        self.misdeeds = {}  # pattern -> {kind: argument}
        self.requests = []  # (method, path, headers)
        self.lock = threading.Lock()
        self.is_stopping = False

    def misbehave(self, pattern, **deeds):
        self.misdeeds[pattern] = {kind.replace("_", "-"): value for kind, value in deeds.items()}

    def behave(self):
        self.misdeeds.clear()

    def deeds(self, path):
        """The misdeeds for this request; one that is limited in number is used up."""
        with self.lock:
            for pattern, deeds in self.misdeeds.items():
                if fnmatch.fnmatch(path, pattern) and deeds.get("times", 1) > 0:
                    if "times" in deeds:
                        deeds["times"] -= 1
                    return deeds
        return {}

    def note(self, method, path, headers):
        with self.lock:
            self.requests.append((method, path, dict(headers)))
            return len(self.requests)

    def count(self, path):
        with self.lock:
            return sum(request[1] == path for request in self.requests)

    def headers(self, path):
        """Of the latest request for that path."""
        with self.lock:
            return next(headers for _, asked, headers in reversed(self.requests) if asked == path)

    def write_log(self, line):
        if self.log:
            with self.lock, open(self.log, "a", encoding="utf-8") as log:
                log.write(line + "\n")

    def is_admitted(self, headers):
        wanted = [f"Bearer {self.token}"] if self.token else []
        if self.user:
            wanted.append("Basic " + base64.b64encode(self.user.encode()).decode())
        return not wanted or headers.get("Authorization") in wanted


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud = None

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = urllib.parse.unquote(self.path.split("?")[0])
        number = self.cloud.note(self.command, path, self.headers)
        deeds = self.cloud.deeds(path)
        reply = self.refuse(deeds) or self.find(path, deeds, number)
        self.sent = 0  # bytes of the body that went out, also when the client goes in the middle
        try:
            self.send(reply, deeds)
        except OSError:
            self.close_connection = True
        finally:
            self.cloud.write_log(f"{time.time():.3f} {self.command} {path} {reply.status} {self.sent} "
                                 f"{self.headers.get('Range', '-')}")

    def refuse(self, deeds):
        if not self.cloud.is_admitted(self.headers):
            return Reply(401, {"WWW-Authenticate": "Basic realm=cloud"})
        if "redirect" in deeds:
            return Reply(302, {"Location": deeds["redirect"]})
        if "retry-after" in deeds:
            return Reply(429, {"Retry-After": str(deeds["retry-after"])})
        if "status" in deeds:
            return Reply(int(deeds["status"]))
        return None

    def find(self, path, deeds, number):
        file = self.cloud.folder / path.lstrip("/")
        if ".." in path or not file.is_file():
            return Reply(404)
        stat = file.stat()
        reply = Reply(200, {"Last-Modified": email.utils.formatdate(int(stat.st_mtime), usegmt=True),
                            "Accept-Ranges": "bytes"}, file, 0, stat.st_size)
        if "no-etag" not in deeds:
            seed = f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {number if 'flip-etag' in deeds else ''}"
            reply.headers["ETag"] = ("W/" if "weak-etag" in deeds else "") + \
                f'"{hashlib.sha256(seed.encode()).hexdigest()[:24]}"'
        if self.is_unchanged(reply):
            return Reply(304, reply.headers)
        return self.cut_range(reply, deeds)

    def is_unchanged(self, reply):
        if "If-None-Match" in self.headers:
            return reply.headers.get("ETag") == self.headers["If-None-Match"]
        return self.headers.get("If-Modified-Since") == reply.headers["Last-Modified"]

    def cut_range(self, reply, deeds):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        validator = self.headers.get("If-Range")
        if not asked or "ignore-range" in deeds or (validator and validator != reply.headers.get("ETag")):
            return reply
        size = reply.size
        first, last = int(asked[1]), min(int(asked[2] or size - 1), size - 1)
        if "wrong-range" in deeds:
            first = max(0, first - 10)
        if first > last:
            return Reply(416, {"Content-Range": f"bytes */{size}"})
        headers = {**reply.headers, "Content-Range": f"bytes {first}-{last}/{size}"}
        return Reply(206, headers, reply.file, first, last + 1 - first)

    def send(self, reply, deeds):
        self.send_response(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        is_chunked = ("chunked" in deeds or "endless" in deeds) and reply.status == 200
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.status != 304:
            self.send_header("Content-Length", str(reply.size))
        self.end_headers()
        if self.command != "HEAD" and reply.status != 304:
            (self.send_chunked if is_chunked else self.send_plain)(reply, deeds)

    def send_chunked(self, reply, deeds):
        for block in itertools.chain(reply.blocks(STEP), itertools.repeat(bytes(STEP)) if "endless" in deeds else ()):
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
            self.sent += len(block)
        self.wfile.write(b"0\r\n\r\n")

    def send_plain(self, reply, deeds):
        rate, stall, cut = deeds.get("slow"), deeds.get("stall"), deeds.get("cut")
        whole = reply.size
        reply.size = min([whole] + [int(limit) for limit in (stall, cut) if limit is not None])
        for block in reply.blocks(max(1, int(rate) // 20) if rate else STEP):
            if self.cloud.is_stopping:
                break
            self.wfile.write(block)
            self.sent += len(block)
            if rate:
                time.sleep(len(block) / float(rate))
        while stall is not None and not self.cloud.is_stopping and not self.is_gone():
            time.sleep(0.02)
        if self.sent < whole:
            self.close_connection = True

    def is_gone(self):
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.setblocking(True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # clients go when they like


def make_server(cloud, address="127.0.0.1", port=0, certificate=None, key=None):
    handler = type("CloudHandler", (Handler,), {"cloud": cloud})
    server = Server((address, port), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def read_misdeed(text):
    """"PATTERN:KIND=ARGUMENT[,KIND=ARGUMENT]" -> (pattern, deeds)."""
    pattern, _, deeds = text.partition(":")
    pairs = (deed.split("=", 1) for deed in deeds.split(","))
    return pattern, {kind: json.loads(value) if value.isdigit() else value for kind, value in pairs}
