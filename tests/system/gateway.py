# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole gateway in the foreground, for tests and for ./run: a private bus, the core, both workers, a sample cloud
and emulated nodes, each a process of its own. Workers are started again when they die, as systemd would."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"""
PLUGIN_FOLDERS = ["plugins/transport/harmony", "plugins/upstream/http-catalog", "plugins/upstream/directory",
                  "plugins/upstream/webhook", "plugins/format/raw"]


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def wait_for(what, check, seconds=20.0, step=0.05):
    """Returns the first true value of check(); fails loudly with what it waited for."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(step)


class Process:
    """One child with its output in a file."""

    def __init__(self, name, command, log, env=None, prefix=(), pass_fds=()):
        self.name, self.log = name, pathlib.Path(log)
        self.command = [*map(str, prefix), *map(str, command)]
        self.env = {**os.environ, **(env or {})}
        self.child, self.pass_fds = None, pass_fds
        self.start()

    def start(self):
        with open(self.log, "ab") as output:
            self.child = subprocess.Popen(self.command, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                          env=self.env, start_new_session=True, pass_fds=self.pass_fds)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def kill(self, number=signal.SIGKILL):
        if self.is_running():
            self.child.send_signal(number)

    def wait(self, seconds=10):
        return self.child.wait(seconds)

    def stop(self, seconds=6):
        self.kill(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
            raise

    def text(self):
        return self.log.read_text(errors="replace")


class Commands:
    """What whoever has a ctl() can be asked."""

    def json(self, *words):
        return json.loads(self.ctl("--json", *words).stdout)

    def rows(self, kind, *words):
        """The rows of `gatewayctl KIND list`."""
        return self.json(kind, "list", *words)["rows"]

    def row(self, kind, key, value):
        return next((row for row in self.rows(kind) if str(row.get(key)) == str(value)), None)


class Gateway(Commands):
    """`folder` holds everything. `config` is the text of gatewayd.conf; start() brings the processes up in any
    order; a supervisor thread restarts dead workers (and the core, unless told not to)."""

    plugin_folders = PLUGIN_FOLDERS

    def __init__(self, build, folder, config="", prefix=()):
        self.build, self.folder, self.prefix = pathlib.Path(build), pathlib.Path(folder), prefix
        for name in ("state", "cache", "link", "lan-state", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "gatewayd.conf"
        self.config.write_text(config)
        self.bus = f"unix:path={self.folder}/bus"
        self.processes, self.is_supervised, self.lock = {}, set(), threading.Lock()
        self.is_stopping = False

    @property
    def plugin_path(self):
        return ":".join(str(self.build / name) for name in self.plugin_folders)

    def commands(self):
        gatewayd = self.build / "gatewayd"
        link = self.folder / "link"
        common = ["--foreground", "--log-level=debug"]
        return {
            "core": [gatewayd / "gatewayd", *common, f"--config={self.config}", f"--state={self.folder}/state",
                     f"--cache={self.folder}/cache", f"--link-dir={link}", f"--bus={self.bus}"],
            "lan": [gatewayd / "gatewayd-lan", *common, f"--link={link}/lan.sock", f"--state={self.folder}/lan-state",
                    f"--plugin-path={self.plugin_path}"],
            "wan": [gatewayd / "gatewayd-wan", *common, f"--link={link}/wan.sock",
                    f"--plugin-path={self.plugin_path}"],
            # Stands for gatewayd-unpack.socket.
            "unpack": ["systemd-socket-activate", "--accept", "--seqpacket", f"--listen={link}/unpack.sock",
                       gatewayd / "gatewayd-unpack", f"--plugin-path={self.plugin_path}"],
        }

    def start_bus(self):
        config = self.folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(path=self.folder / "bus"))
        self.processes["bus"] = Process("bus", ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"],
                                        self.folder / "log/bus")
        wait_for("the private bus", (self.folder / "bus").exists)

    def start(self, names=("unpack", "wan", "lan", "core"), is_supervised=True, env=None):
        if "bus" not in self.processes:
            self.start_bus()
        for name in names:
            self.processes[name] = Process(name, self.commands()[name], self.folder / "log" / name, env=env,
                                           prefix=self.prefix)
        if is_supervised:
            self.is_supervised.update(names)
            threading.Thread(target=self.supervise, daemon=True).start()
        if "core" in names:
            self.wait_ready()
        return self

    def supervise(self):
        while not self.is_stopping:
            with self.lock:
                for name in self.is_supervised:
                    if not self.is_stopping and not self.processes[name].is_running():
                        self.processes[name].start()
            time.sleep(0.2)

    def wait_ready(self):
        def is_ready():
            if not self.processes["core"].is_running() and "core" not in self.is_supervised:
                raise RuntimeError(f"the core ended:\n{self.processes['core'].text()}")
            return self.ctl("status", is_checked=False).returncode == 0
        wait_for("the core on the bus", is_ready)

    def ctl(self, *words, is_checked=True, **options):
        result = subprocess.run([self.build / "gatewayd/gatewayctl", f"--bus={self.bus}", *map(str, words)],
                                capture_output=True, text=True, timeout=options.pop("timeout", 60), **options)
        if is_checked and result.returncode != 0:
            raise AssertionError(f"gatewayctl {' '.join(map(str, words))}: exit {result.returncode}\n"
                                 f"{result.stdout}{result.stderr}")
        return result

    def kill(self, name):
        self.processes[name].kill()

    def stop(self):
        self.is_stopping = True
        with self.lock:
            order = [name for name in ("lan", "wan", "unpack", "core", "bus") if name in self.processes]
            for name in order:
                self.processes[name].kill(signal.SIGTERM)
            for name in order:
                try:
                    self.processes[name].wait(6)
                except subprocess.TimeoutExpired:
                    self.processes[name].kill()
                    self.processes[name].wait()
                    raise AssertionError(f"{name} did not stop within 6 s") from None

    def logs(self):
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')}"
                         for path in sorted((self.folder / "log").iterdir()))

    def clean(self):
        shutil.rmtree(self.folder, ignore_errors=True)
