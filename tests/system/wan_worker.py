# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real gatewayd-wan under a core that the test leads by the hand, and clouds that misbehave."""
import json
import pathlib
import subprocess
import sys
import threading
import time

from gateway import SOURCE, Process, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes/cloud"))
from server import Cloud, make_server  # noqa: E402

PLUGINS = ["plugins/upstream/http-catalog", "plugins/upstream/directory"]
OK, UNCHANGED, RETRY, GIVE_UP, STOPPED = range(5)
HEAD = -1


class Site(Cloud):
    """A cloud that serves its folder from a thread of the test."""

    def __init__(self, folder, address="127.0.0.1", certificate=None, key=None, **options):
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, **options)
        self.server = make_server(self, address, 0, certificate, key)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://{address}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def put(self, name, data):
        path = self.folder / name
        part = path.with_name("." + path.name)
        part.write_bytes(data)
        part.rename(path)
        return data

    def stop(self):
        self.is_stopping = True
        self.server.shutdown()
        self.server.server_close()


class Worker:
    """`start()` brings both up; `events` is what the worker said, in order."""

    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build), pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / "wan.sock"
        self.events, self.core, self.wan, self.n_fetches = [], None, None, 0

    def start_core(self):
        self.core = subprocess.Popen([self.build / "tests/unit/wan/fake-core", self.socket, self.folder],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        threading.Thread(target=self.listen, args=(self.core,), daemon=True).start()

    def start_wan(self, env=None):
        path = ":".join(str(self.build / name) for name in PLUGINS)
        self.wan = Process("wan", [self.build / "gatewayd/gatewayd-wan", "--foreground", "--log-level=debug",
                                   f"--link={self.socket}", f"--plugin-path={path}"], self.folder / "wan.log", env=env)

    def start(self, env=None):
        self.start_core()
        self.start_wan(env)
        self.wait("hello")
        return self

    def listen(self, core):
        for line in core.stdout:
            self.events.append({**json.loads(line), "at": time.monotonic()})

    def order(self, **what):
        self.core.stdin.write(json.dumps(what) + "\n")
        self.core.stdin.flush()

    def configure(self, wan=None, **upstreams):
        """configure(wan={...}, name={...})"""
        sections = [["wan", "", wan]] if wan else []
        self.order(do="config", sections=sections + [["upstream", name, keys] for name, keys in upstreams.items()])

    def http(self, url, wan=None, **keys):
        """One upstream "cloud" of type http-catalog."""
        self.configure(wan, cloud={"type": "http-catalog", "url": f"{url}/catalog.json",
                                   **{key.replace("_", "-"): value for key, value in keys.items()}})

    def all(self, event, **members):
        return [one for one in self.events if one["event"] == event and
                all(value in one[key] if key == "text" else one[key] == value for key, value in members.items())]

    def wait(self, event, n=1, seconds=15, **members):
        """The n-th such event."""
        found = wait_for(f"{n} {event} with {members}",
                         lambda: self.all(event, **members)[n - 1:n], seconds)
        return found[0]

    def fetch(self, url, size, upstream="cloud", base="", offset=0, validator="", take=-1):
        """Starts one; returns its number."""
        self.n_fetches += 1
        self.order(do="fetch", id=self.n_fetches, upstream=upstream, url=url, base=base, validator=validator,
                   offset=offset, size=size, take=take)
        return self.n_fetches

    def outcome(self, number, seconds=15):
        """The last word on a fetch, when its pipe has ended too."""
        found = wait_for(f"the outcome of fetch {number}",
                         lambda: [one for one in self.all("fetched", id=number) if one["result"] != HEAD], seconds)
        self.wait("pipe", id=number)
        return found[0]

    def head(self, number):
        return self.wait("fetched", id=number, result=HEAD)

    def bytes(self, number):
        return (self.folder / str(number)).read_bytes()

    def memory(self):
        """Resident KiB of the worker."""
        for line in pathlib.Path(f"/proc/{self.wan.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0

    def log(self):
        return self.wan.text()

    def stop(self):
        if self.wan:
            assert self.wan.stop(6) == 0, self.log()
        if self.core:
            self.core.stdin.close()
            assert self.core.wait(5) == 0


def worker_for(build, folder, request):
    """What a fixture yields from: a worker that is stopped, and shown when the test failed."""
    one = Worker(build, folder / "worker")
    yield one
    if getattr(request.node, "report_call", None) is not None and request.node.report_call.failed:
        print("\n".join(map(str, one.events[-50:])))
        print(one.log()[-8000:] if one.wan else "")
    one.stop()
