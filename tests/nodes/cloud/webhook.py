# SPDX-License-Identifier: LGPL-2.1-or-later
"""A receiver of the webhook upstream's events: checks each signature, keeps what it took, prints it when run as a
program, and can be told to answer as badly as servers do."""
import argparse
import hashlib
import hmac
import http.server
import json
import struct
import socket
import threading
import time

MAX_AGE_S = 300


def is_genuine(secret, header, body, now=None):
    """The five lines of docs/integrator.md."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    signed = parts["t"].encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    is_fresh = abs((now or time.time()) - int(parts["t"])) < MAX_AGE_S
    return is_fresh and hmac.compare_digest(expected, parts["v1"])


class Receiver:
    """`answers` are given to the next requests, one each, then `usual` for ever: a status, a status with headers, or
    "reset", "slow" (nothing within 30 s), "endless" (a body without an end), "half" (takes them, then cuts the line)."""

    def __init__(self, secret, address="127.0.0.1", port=0, on_event=None):
        self.secret, self.on_event = secret, on_event
        self.answers, self.usual = [], 200
        self.requests = []  # {"at", "path", "headers", "body", "events", "answer"}
        self.taken = []     # events that were answered well, as they came
        self.lock = threading.Lock()
        self.is_stopping = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.handle(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://{address}:{self.port}/events"

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.is_stopping.set()
        self.server.shutdown()
        self.server.server_close()

    def handle(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if not is_genuine(self.secret, request.headers.get("Gateway-Signature", "t=0,v1="), body):
            self.reply(request, 401, {})
            return
        with self.lock:
            answer = self.answers.pop(0) if self.answers else self.usual
            events = json.loads(body)
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.requests.append({"at": time.monotonic(), "path": request.path, "headers": dict(request.headers),
                                  "body": body, "events": events, "answer": answer})
            if status in ("half", 200, 202, 204, 409, 410):
                self.taken += events
                for event in events if self.on_event else []:
                    self.on_event(event)
        self.reply(request, status, headers)

    def reply(self, request, status, headers):
        if status in ("reset", "half"):
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
            request.close_connection = True
        elif status == "slow":
            self.is_stopping.wait(30)
            request.close_connection = True
        elif status == "endless":
            request.send_response(200)
            request.end_headers()
            while not self.is_stopping.is_set():
                request.wfile.write(b"x" * 65536)
        else:
            request.send_response(status)
            for key, value in headers.items():
                request.send_header(key, value)
            request.send_header("Content-Length", "0")
            request.end_headers()

    def ids(self):
        """Of the events taken, each once, in the order in which they were taken first."""
        return list(dict.fromkeys(int(event["id"]) for event in list(self.taken)))

    def of_type(self, kind):
        return [event for event in list(self.taken) if event["type"] == f"org.gatewayd.{kind}"]


def main():
    parser = argparse.ArgumentParser(description="Prints the events of a gateway's webhook upstream.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret-file", required=True)
    options = parser.parse_args()
    with open(options.secret_file, encoding="ascii") as file:
        secret = file.readline().strip()

    def show(event):
        print(f"{event['time']} {event['type'].removeprefix('org.gatewayd.')}: {event['data'].get('text', '')}",
              flush=True)
    Receiver(secret, port=options.port, on_event=show).server.serve_forever()


if __name__ == "__main__":
    main()
