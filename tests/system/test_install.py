# SPDX-License-Identifier: LGPL-2.1-or-later
"""`meson install` puts everything where it belongs, and a plugin's author needs nothing but what was installed."""
import os
import pathlib
import re
import shlex
import subprocess

import pytest

PROGRAMS = ["usr/bin/gatewayctl", "usr/bin/gateway-nodes", "usr/bin/gateway-plugin-check", "usr/libexec/gatewayd/gatewayd", "usr/libexec/gatewayd/gatewayd-lan",
            "usr/libexec/gatewayd/gatewayd-wan", "usr/libexec/gatewayd/gatewayd-unpack"]
PLUGINS = ["archive", "directory", "esp-http", "esp32", "ftp-publish", "gizwits", "gizwits-mcu", "gizwits-name", "harmony", "http-catalog", "ihex", "mcuboot",
           "openluat", "openluat-at", "quectel-at", "raw", "srecord", "uf2", "waspmote", "webhook"]
# Everything else; LIB is the machine's folder of libraries.
OTHERS = ["etc/gatewayd/gatewayd.conf", "usr/include/gatewayd/gateway-plugin.h", "LIB/pkgconfig/gatewayd-plugin.pc",
          "usr/share/dbus-1/interfaces/org.gatewayd.Gateway1.xml",
          "usr/share/dbus-1/system-services/org.gatewayd.Gateway1.service",
          "usr/share/dbus-1/system.d/org.gatewayd.Gateway1.conf", "usr/share/polkit-1/actions/org.gatewayd.policy",
          "usr/share/polkit-1/rules.d/org.gatewayd.rules", "usr/lib/sysusers.d/gatewayd.conf",
          "usr/lib/tmpfiles.d/gatewayd.conf", "usr/lib/sysctl.d/60-gatewayd.conf", "usr/lib/systemd/catalog/gatewayd.catalog",
          *(f"usr/lib/systemd/system/gatewayd-{name}.socket" for name in ("link@", "http", "ftp", "unpack")),
          "usr/lib/systemd/system/gatewayd.service", "usr/lib/systemd/system/gatewayd.target", "usr/lib/systemd/system/gatewayd-wan.service",
          "usr/lib/systemd/system/gatewayd-lan@.service", "usr/lib/systemd/system/gatewayd-unpack@.service",
          "usr/lib/systemd/system/gatewayd-lan@net.service.d/net.conf",
          "usr/lib/systemd/system/gatewayd-lan@serial.service.d/serial.conf"]


@pytest.fixture(scope="module")
def installed(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder], check=True,
                   capture_output=True, text=True)
    return folder


def pkg_config(installed, *arguments):
    (file,) = installed.glob("usr/**/pkgconfig/gatewayd-plugin.pc")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(file.parent), "PKG_CONFIG_SYSROOT_DIR": str(installed)}
    command = ["pkg-config", *arguments, "gatewayd-plugin"]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.mark.parametrize("path", PROGRAMS)
def test_programs_can_be_started(installed, path):
    result = subprocess.run([installed / path, "--help"], capture_output=True, text=True, timeout=10)
    assert result.returncode == 0, result.stderr
    assert "usage" in result.stdout.lower()


def test_plugins_lie_in_plugindir(installed):
    folder = pathlib.Path(pkg_config(installed, "--variable=plugindir"))
    folder = installed / folder.relative_to(installed if folder.is_relative_to(installed) else "/")
    assert sorted(path.stem for path in folder.iterdir()) == PLUGINS
    for path in [folder, *folder.iterdir()]:
        assert path.stat().st_mode & 0o022 == 0, f"{path.name} is writable by others, so it would be refused"


def test_nothing_else_is_installed(installed, build):
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    (pc,) = [file for file in files if file.endswith("/pkgconfig/gatewayd-plugin.pc")]
    lib = str(pathlib.Path(pc).parent.parent)
    expected = {*PROGRAMS, *(file.replace("LIB", lib) for file in OTHERS),
                *(f"{lib}/gatewayd/plugins/{name}.so" for name in PLUGINS),
                *(f"usr/libexec/gatewayd/nodes/{path.name}" for path in build.glob("tests/nodes/fake-*") if path.is_file())}
    assert files == expected


def test_units_start_what_is_installed(installed):
    units = sorted((installed / "usr/lib/systemd/system").glob("*.service"))
    for unit in units:
        program, *options = re.search(r"^ExecStart=(.+)$", unit.read_text(), re.M)[1].split()
        known = subprocess.run([installed / program.lstrip("/"), "--help"], capture_output=True, text=True).stdout
        assert known, f"{unit.name} starts {program}"
        for option in options:
            assert option.partition("=")[0] in known, f"{unit.name}: {program} has no {option}"
    assert len(units) == 4


def test_example_builds_against_the_installed_header(installed, source, tmp_path):
    example, made = source / "plugins/example", tmp_path / "hello.so"
    flags = shlex.split(pkg_config(installed, "--cflags"))
    command = ["cc", "-std=gnu17", "-Wall", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
               "-Wl,-z,defs", *flags, "-o", made, tmp_path / "hello.c"]
    (tmp_path / "hello.c").write_bytes((example / "hello.c").read_bytes())
    subprocess.run(command, check=True)
    subprocess.run([installed / "usr/bin/gateway-plugin-check", made, example / "hello.table"], check=True)
