# SPDX-License-Identifier: LGPL-2.1-or-later
"""A gateway that only remembers, for the tests of gatewayctl: the real bus in front of a core that notes each call
and answers what the test laid down (tests/unit/bus/fake-core.c)."""
import json
import os
import pty
import re
import subprocess
import time

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
</policy></busconfig>
"""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm"}
TYPES = "@[a-z{}]+ |u?int[0-9]+ "


class Bus:
    """A private bus daemon in @folder."""

    def __init__(self, folder):
        self.path = folder / "bus"
        self.address = f"unix:path={self.path}"
        config = folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(path=self.path))
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
                                         "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class FakeGateway:
    def __init__(self, build, folder, bus):
        self.build, self.folder, self.bus = build, folder, bus
        self.answers, self.process, self.n_seen = {}, None, 0

    def answer(self, command, text):
        """GVariant text, or "!bad-input what is wrong"; before start()."""
        self.answers[command] = " ".join(text.split("\n"))
        return self

    def start(self, *more):
        file = self.folder / "answers"
        file.write_text("".join(f"{command}\t{text}\n" for command, text in self.answers.items()))
        with open(self.folder / "noted", "w", encoding="utf-8") as noted, \
                open(self.folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.build / "tests/unit/bus/fake-core", self.bus.address, file, *more],
                                            stdin=subprocess.PIPE, stdout=noted, stderr=log, text=True)
        while not (self.folder / "noted").read_text().startswith("ready\n"):
            assert self.process.poll() is None
            time.sleep(0.01)
        self.n_seen = 1
        return self

    def calls(self):
        """What was called since last time, without who called and without types. A call is noted before it is answered."""
        lines = (self.folder / "noted").read_text().splitlines()
        new, self.n_seen = lines[self.n_seen:], len(lines)
        return [f"{line.split()[0]} {re.sub(TYPES, '', line.split('|', 2)[2])}" for line in new]

    def tell(self, event):
        self.process.stdin.write(f"{event}\n")
        self.process.stdin.flush()

    def command(self, *words):
        return [self.build / "gatewayd/gatewayctl", f"--bus={self.bus.address}", *map(str, words)]

    def ctl(self, *words, status=0, columns=80, prefix=(), **options):
        """Runs gatewayctl where its output is read by a program; checks the exit status."""
        environment = {**ENVIRONMENT, **({"COLUMNS": str(columns)} if columns else {})}
        result = subprocess.run([*prefix, *self.command(*words)], capture_output=True, text=True, env=environment,
                                timeout=30, stdin=subprocess.DEVNULL, **options)
        assert result.returncode == status, f"{words}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def json(self, *words):
        result = self.ctl("--json", *words)
        return json.loads(result.stdout)

    def terminal(self, *words, typed="", columns=80, prompts=()):
        """Runs it on a terminal, types something; returns the exit status and everything that was shown. Each of
        prompts is (what is waited for, what is typed then)."""
        prompts = list(prompts)
        pid, master = pty.fork()
        if pid == 0:
            os.execve(self.command()[0], [*map(str, self.command(*words))], {**ENVIRONMENT, "COLUMNS": str(columns)})
        os.write(master, typed.encode())
        shown = b""
        try:
            while chunk := os.read(master, 4096):
                shown += chunk
                if prompts and prompts[0][0].encode() in shown:
                    os.write(master, prompts.pop(0)[1].encode())
        except OSError:
            pass
        os.close(master)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
