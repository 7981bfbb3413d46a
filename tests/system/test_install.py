# SPDX-License-Identifier: LGPL-2.1-or-later
"""`meson install` puts everything where it belongs, and a plugin's author needs nothing but what was installed."""
import os
import shlex
import subprocess

import pytest

PROGRAMS = ["usr/bin/gatewayctl", "usr/bin/gateway-plugin-check", "usr/libexec/gatewayd/gatewayd", "usr/libexec/gatewayd/gatewayd-lan",
            "usr/libexec/gatewayd/gatewayd-wan"]
PLUGINS = ["directory", "harmony", "http-catalog"]


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
    folder = installed / pkg_config(installed, "--variable=plugindir").removeprefix(str(installed)).lstrip("/")
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.so" for name in PLUGINS]
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o022 == 0, f"{path.name} is writable by others, so it would be refused"


def test_nothing_of_the_house_is_installed_for_authors(installed):
    headers = [str(path.relative_to(installed)) for path in (installed / "usr/include").rglob("*.h")]
    assert headers == ["usr/include/gatewayd/gateway-plugin.h"]


def test_example_builds_against_the_installed_header(installed, source, tmp_path):
    example, made = source / "plugins/example", tmp_path / "hello.so"
    flags = shlex.split(pkg_config(installed, "--cflags"))
    command = ["cc", "-std=gnu17", "-Wall", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
               "-Wl,-z,defs", *flags, "-o", made, tmp_path / "hello.c"]
    (tmp_path / "hello.c").write_bytes((example / "hello.c").read_bytes())
    subprocess.run(command, check=True)
    subprocess.run([installed / "usr/bin/gateway-plugin-check", made, example / "hello.table"], check=True)
