# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units as they are installed: systemd understands every line of them, and they stay as closed as they are."""
import pathlib
import re
import shutil
import subprocess

import pytest

# Exposure by `systemd-analyze security`, in tenths; it may only go down.
LIMITS = {"gatewayd.service": 9, "gatewayd-wan.service": 12, "gatewayd-lan@net.service": 11,
          "gatewayd-lan@serial.service": 7, "gatewayd-unpack@1.service": 7}
SOCKETS = ["gatewayd-link@lan.socket", "gatewayd-link@wan.socket", "gatewayd-http.socket", "gatewayd-ftp.socket",
           "gatewayd-unpack.socket", "gatewayd.target"]


@pytest.fixture(name="root", scope="module")
def fixture_root(build, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root], check=True,
                   capture_output=True, text=True)
    units = root / "usr/lib/systemd/system"
    for name in ("sysinit", "basic", "shutdown", "network", "network-online", "time-set", "multi-user", "sockets"):
        shutil.copy(f"/lib/systemd/system/{name}.target", units)
    for name in ("dbus.service", "dbus.socket"):
        (units / name).write_text("[Service]\nExecStart=/usr/libexec/gatewayd/gatewayd\n" if "service" in name else
                                  "[Socket]\nListenStream=/run/dbus/system_bus_socket\n")
    return root


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("unit", [*LIMITS, *SOCKETS])
def test_units_are_understood(root, unit):
    result = run("systemd-analyze", "verify", "--recursive-errors=no", f"--root={root}", unit)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("unit", LIMITS)
def test_K7_units_are_closed(root, unit):
    result = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--root={root}",
                 f"--threshold={LIMITS[unit]}", unit)
    assert result.returncode == 0, re.findall("→.*", result.stdout) + result.stdout.splitlines()


def test_users_are_described(root):
    result = run("systemd-sysusers", f"--root={root}")
    assert result.returncode == 0, result.stderr
    names = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    assert {"gatewayd", "gatewayd-lan", "gatewayd-wan", "gatewayd-unpack"} <= names
    assert "gateway-operators:" in (root / "etc/group").read_text()


def test_folders_are_described(root):
    result = run("systemd-tmpfiles", f"--root={root}", "--create", "gatewayd.conf")
    assert (result.returncode, result.stderr) == (0, "")
    modes = {path: (root / path).stat().st_mode & 0o777 for path in ("run/gatewayd", "etc/gatewayd/credentials")}
    assert modes == {"run/gatewayd": 0o755, "etc/gatewayd/credentials": 0o700}


def test_neighbour_table_holds_a_large_site(root):
    values = dict(re.findall(r"^([\w.]+) = (\d+)$", (root / "usr/lib/sysctl.d/60-gatewayd.conf").read_text(), re.M))
    for name in values:
        assert pathlib.Path("/proc/sys", *name.split(".")).exists(), f"this kernel has no {name}"
    assert all(int(values[f"net.{family}.neigh.default.gc_thresh3"]) > 10_000 for family in ("ipv4", "ipv6"))


def test_every_alert_is_explained(root, source):
    result = run("journalctl", f"--root={root}", "--update-catalog")
    assert (result.returncode, result.stderr) == (0, "")
    alerts = dict(re.findall(r'{ "([\w.-]+)", LOG_\w+, "([0-9a-f]{32})" }', (source / "gatewayd/control/alerts.c").read_text()))
    explained = re.findall(r"^-- ([0-9a-f]{32})$", (root / "usr/lib/systemd/catalog/gatewayd.catalog").read_text(), re.M)
    assert sorted(alerts.values()) == sorted(explained) and len(set(explained)) == len(explained) > 10
    said = "".join(path.read_text() for path in (source / "gatewayd/control").glob("*.c") if path.name != "alerts.c")
    for name in alerts:
        assert f'"{name}"' in said or name.startswith("update."), f"no event is called {name}"
