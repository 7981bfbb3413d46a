# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units as they are installed: systemd understands every line of them, and they stay as closed as they are."""
import re
import shutil
import subprocess

import pytest

# Exposure by `systemd-analyze security`, in tenths; it may only go down.
LIMITS = {"gatewayd.service": 9, "gatewayd-wan.service": 12, "gatewayd-lan@net.service": 15,
          "gatewayd-lan@serial.service": 6}


@pytest.fixture(name="root", scope="module")
def fixture_root(build, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root], check=True,
                   capture_output=True, text=True)
    units = root / "usr/lib/systemd/system"
    for name in ("sysinit", "basic", "shutdown", "network", "network-online", "time-set", "multi-user"):
        shutil.copy(f"/lib/systemd/system/{name}.target", units)
    for name in ("dbus.service", "dbus.socket"):
        (units / name).write_text("[Service]\nExecStart=/usr/libexec/gatewayd/gatewayd\n" if "service" in name else
                                  "[Socket]\nListenStream=/run/dbus/system_bus_socket\n")
    (root / "bin").mkdir()
    shutil.copy("/bin/kill", root / "bin/kill")
    return root


@pytest.mark.parametrize("unit", LIMITS)
def test_units_are_understood(root, unit):
    result = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", f"--root={root}", unit],
                            capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("unit", LIMITS)
def test_units_are_closed(root, unit):
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--root={root}",
                             f"--threshold={LIMITS[unit]}", unit], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, re.findall("→.*", result.stdout) + result.stdout.splitlines()


def test_users_are_described(root):
    result = subprocess.run(["systemd-sysusers", f"--root={root}"], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    names = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    assert {"gatewayd", "gatewayd-lan", "gatewayd-wan"} <= names
    assert "gateway-operators:" in (root / "etc/group").read_text()
