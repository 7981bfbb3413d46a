# SPDX-License-Identifier: LGPL-2.1-or-later
"""A probe in the place of each service's program, inside its sandbox, by a real systemd. Promise K7."""
import os
import re
import shutil

import pytest

from machine import Machine
from network import Lan

# What it can do there; everything else it cannot.
ALLOWED = {
    "gatewayd": {"netlink-socket", "configuration", "database", "own-files", "other-files", "bus"},
    "gatewayd-wan": {"inet-socket", "netlink-socket", "configuration", "other-files"},
    "gatewayd-lan@net": {"inet-socket"},
    "gatewayd-lan@serial": set(),
    "gatewayd-unpack@1": set(),
}
FREE = "[Service]\nType=oneshot\nExecStart=/usr/libexec/gatewayd/probe\nPrivateMounts=yes\n"
# Of the service, what is about the program and not about its cage.
REPLACED = [(r"^ExecStart=.*$", "ExecStart=/usr/libexec/gatewayd/probe"), (r"^Type=.*$", "Type=oneshot"),
            (r"^Restart=.*$", "Restart=no"), (r"^(Sockets|WatchdogSec|FileDescriptorStoreMax|NotifyAccess)=.*$", ""),
            (r"^(Alias|WantedBy|Wants|After)=.*$", "")]


def caged(text):
    for pattern, replacement in REPLACED:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


@pytest.fixture(name="machine", scope="module")
def fixture_machine(build, tmp_path_factory):
    lan = Lan(f"gwp{os.getpid()}")
    machine = Machine(build, tmp_path_factory.mktemp("probed"), lan)
    units = machine.root / "usr/lib/systemd/system"
    shutil.copy(build / "tests/system/probe", machine.root / "usr/libexec/gatewayd/probe")
    machine.write("/etc/systemd/system/probe-free.service", FREE)
    for unit in ("gatewayd", "gatewayd-wan", "gatewayd-lan@", "gatewayd-unpack@"):
        machine.write(f"/etc/systemd/system/probe-{unit}.service", caged((units / f"{unit}.service").read_text()))
    for name in ("net", "serial"):
        folder = f"gatewayd-lan@{name}.service.d"
        machine.write(f"/etc/systemd/system/probe-{folder}/{name}.conf",
                      caged((units / folder / f"{name}.conf").read_text()))
    machine.write("/etc/gatewayd/credentials/token", "canary", 0o600)
    machine.write("/etc/credstore/gatewayd.tls-key", "canary", 0o600)
    try:
        yield machine.boot()
    finally:
        machine.down()
        lan.close()


def probe(machine, unit):
    machine.systemctl("start", f"{unit}.service")
    lines = machine.journal("-u", unit, "-o", "cat").splitlines()
    found = dict(reversed(line.split()) for line in lines if line.startswith(("can ", "cannot ")))
    assert len(found) == 20, lines
    return {name for name, word in found.items() if word == "can"}


def test_K7_the_probe_can_do_it_all(machine):
    """Else it would show nothing."""
    missing = {"realtime"}  # not everywhere where root runs tests
    assert probe(machine, "probe-free") | missing >= {
        "exec", "packet-socket", "inet-socket", "netlink-socket", "ptrace", "writable-code", "code-made-at-run-time",
        "namespace", "mount", "shadow", "configuration", "secrets", "database", "system-files", "other-files", "own-files",
        "bus", "other-processes", "signal"}


@pytest.mark.parametrize("unit", ALLOWED)
def test_K7_a_probe_in_each_sandbox(machine, unit):
    assert probe(machine, f"probe-{unit}") == ALLOWED[unit]


def test_K7_serial_has_no_network(machine):
    """The same address that the other instance could reach."""
    assert machine.show("probe-gatewayd-lan@serial.service", "PrivateNetwork") == "yes"
    assert machine.show("probe-gatewayd-lan@net.service", "PrivateNetwork") == "no"
