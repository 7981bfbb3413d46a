# SPDX-License-Identifier: LGPL-2.1-or-later
"""A site with a sample cloud, a gateway and emulated PIC32 nodes: what most system tests need, in few words."""
import os
import pathlib
import signal
import subprocess
import sys

from gateway import SOURCE, Gateway, Process, free_port, wait_for

CLOUD = SOURCE / "tests/nodes/cloud/sample-cloud.py"
CONFIG = """[clock]
trust=always
[limits]
retry-first=1s
retry-max=2s
[upstream cloud]
type=http-catalog
url={url}/catalog.json
poll={poll}
{upstream}
[keyring cloud]
file={folder}/cloud.pub
[plugin harmony]
listen={listen}:{port}
inference-apart=300ms
inference-bytes=600ms
{plugin}
{more}
"""


class Cloud:
    """The sample cloud in its folder; counts the GETs of a path."""

    def __init__(self, folder, prefix=(), address="127.0.0.1"):
        self.folder, self.prefix, self.address = pathlib.Path(folder), prefix, address
        self.files = self.folder / "cloud"
        self.files.mkdir(parents=True)
        self.key = self.folder / "cloud.key"
        self.make_key(self.key)
        self.port = free_port()
        self.url = f"http://{address}:{self.port}"
        self.sequence = 0
        self.process = None

    @staticmethod
    def make_key(path):
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-out", path.with_suffix(".pub")], check=True)

    def start(self, *options):
        self.process = Process("cloud", [sys.executable, CLOUD, "serve", self.files, "--port", self.port, "--address",
                                         self.address, "--log", self.folder / "gets", *options],
                               self.folder / "cloud.log", prefix=self.prefix)
        return self

    def image(self, name, size=100_000, data=None):
        data = data if data is not None else b"\x00" + os.urandom(size - 1)  # never ":": that were a HEX file
        (self.files / name).write_bytes(data)
        return data

    def publish(self, *releases, sequence=None, key=None):
        """Each release is "product=...,version=...,file=..."."""
        self.sequence = sequence if sequence is not None else self.sequence + 1
        command = [sys.executable, CLOUD, "publish", self.files, "--key", key or self.key, "--sequence",
                   str(self.sequence)]
        for release in releases:
            command += ["--release", release]
        subprocess.run(command, check=True, capture_output=True)

    def gets(self, name):
        log = self.folder / "gets"
        return [line for line in log.read_text().splitlines() if name in line] if log.exists() else []

    def stop(self):
        if self.process:
            self.process.kill(signal.SIGTERM)
            self.process.wait()


class Site:
    def __init__(self, build, folder, upstream="", plugin="", more="", poll="500ms", lan=None):
        self.build, self.folder, self.lan = build, pathlib.Path(folder), lan
        prefix = lan.prefix if lan else ()
        self.address = "10.77.0.1" if lan else "127.0.0.1"
        self.cloud = Cloud(self.folder, prefix)
        self.port = free_port()
        self.gateway = Gateway(build, self.folder / "gateway", CONFIG.format(
            url=self.cloud.url, poll=poll, folder=self.folder, listen=self.address, port=self.port,
            upstream=upstream, plugin=plugin, more=more), prefix=prefix)
        self.nodes = {}

    def start(self, *cloud_options, **options):
        if self.cloud.sequence == 0:
            self.cloud.publish()
        self.cloud.start(*cloud_options)
        self.gateway.start(**options)
        wait_for("the transport", lambda: self.gateway.row("plugins", "name", "harmony"))
        self.gateway.ctl("product", "set", "weather", "--plugin=harmony")
        return self

    def node(self, name, *options, version=3, path=None, prefix=(), poll_ms=150):
        path = path or f"/n/{name}/ota.json"
        self.nodes[name] = Process(name, [
            self.build / "tests/nodes/fake-pic32", f"--name={name}", f"--version={version}", f"--poll-ms={poll_ms}",
            f"--url=http://{self.address}:{self.port}{path}", f"--out={self.folder}/{name}.bin", "--stall-ms=3000",
            *options], self.folder / f"{name}.log", prefix=prefix)
        return self.nodes[name]

    def adopt(self, *names):
        for name in names:
            wait_for(f"{name} in the registry", lambda name=name: self.gateway.row("nodes", "id", name))
        if names:
            self.gateway.ctl("nodes", "adopt", *names, "--product=weather")

    def firmware(self, version, state=None):
        def found():
            row = self.gateway.row("firmware", "version", version)
            return row if row and (state is None or row["state"] == state) else None
        return wait_for(f"firmware {version} {state or ''}", found)

    def update(self, node):
        return self.gateway.row("updates", "node", node)

    def wait_update(self, node, *states, seconds=20):
        def reached():
            row = self.update(node)
            return row if row and row["state"] in states else None
        try:
            return wait_for(f"the update of {node} to be {' or '.join(states)}", reached, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {self.update(node)}") from None

    def says(self, node, text, seconds=20):
        wait_for(f"{node} to say {text!r}", lambda: text in self.nodes[node].text(), seconds)

    def got(self, node):
        return (self.folder / f"{node}.bin").read_bytes()

    def push(self, firmware, node):
        self.gateway.ctl("push", "--firmware", firmware, node)

    def rule(self, name, firmware, *options):
        self.gateway.ctl("rules", "create", name, f"--firmware={firmware}", "--include-unknown", *options)
        self.gateway.ctl("rules", "start", name, "--yes")

    def confirm(self, firmware, node, version):
        self.gateway.ctl("firmware", "confirm", firmware, f"--node={node}", f"--version={version}")

    def stop(self):
        for process in self.nodes.values():
            process.kill()
        self.cloud.stop()
        self.gateway.stop()
