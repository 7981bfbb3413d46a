# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every ```sh block of the documentation runs as written, one shell per file, in an empty folder with build/ beside it;
every ```sh root block on a machine of its own (machine.py) on which the gateway is installed."""
import os
import re
import subprocess

import pytest

from gateway import SOURCE, free_port, wait_for
from machine import Machine
from network import Lan

FILES = ["README.md", "plugins/README.md"] + sorted(str(path.relative_to(SOURCE)) for path in SOURCE.glob("docs/*.md"))


def blocks(path, kind="sh"):
    return re.findall(rf"^```{kind}\n(.*?)^```$", (SOURCE / path).read_text(), re.M | re.S)


def test_there_are_commands_to_run():
    assert all(blocks(path) for path in ("README.md", "plugins/README.md", "docs/by-hand.md", "docs/catalog.md",
                                           "docs/operator.md"))


@pytest.mark.parametrize("path", [path for path in FILES if blocks(path)])
def test_commands_run_as_written(path, build, tmp_path):
    (tmp_path / "build").symlink_to(build)
    environment = {**os.environ, "SOURCE": str(SOURCE), "HOME": str(tmp_path), "PORT": str(free_port()),
                   "PATH": f"{build}/gatewayd:{build}/gatewayd/check:{os.environ['PATH']}"}
    result = subprocess.run(["bash", "-euo", "pipefail"], input="\n".join(blocks(path)), cwd=tmp_path, text=True,
                            env=environment, capture_output=True, timeout=120)
    assert result.returncode == 0, f"{path}:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}"


@pytest.mark.parametrize("path", [path for path in FILES if blocks(path, "sh root")])
def test_root_commands_run_as_written(path, build, tmp_path):
    lan = Lan(f"gwd{os.getpid()}")
    machine = Machine(build, tmp_path / "machine", lan)
    try:
        machine.boot()
        wait_for("the workers", lambda: "worker" not in machine.show("gatewayd", "StatusText") != "")
        machine.write("/root/commands", "\n".join(blocks(path, "sh root")))
        machine.exec("sh", "-c", "mkdir /tmp/empty && cd /tmp/empty && exec bash -euxo pipefail /root/commands", timeout=100)
    except AssertionError:
        print(machine.journal("-n", "50"))
        raise
    finally:
        machine.down()
        lan.close()


def test_there_are_commands_to_run_as_root():
    assert blocks("docs/operator.md", "sh root") and blocks("docs/integrator.md", "sh root")


@pytest.mark.parametrize("path", FILES)
def test_links_lead_somewhere(path):
    text = (SOURCE / path).read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert ((SOURCE / path).parent / target).exists(), f"{path}: {target} does not exist"
