# SPDX-License-Identifier: LGPL-2.1-or-later
"""Applies each *.mutant to a copy of the sources and requires the test that it names to fail. See README.md."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent


def read_mutant(path):
    mutant = {"from": [], "to": []}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        assert colon and key in ("why", "file", "from", "to", "test"), f"{path.name}:{number}: unknown key {key!r}"
        value = value[1:] if value.startswith(" ") else value
        if key in ("from", "to"):
            mutant[key].append(value)
        else:
            mutant[key] = value
    mutant["from"], mutant["to"] = "\n".join(mutant["from"]), "\n".join(mutant["to"])
    return mutant


MUTANTS = {path.stem: read_mutant(path) for path in sorted(HERE.glob("*.mutant"))}


@pytest.fixture(scope="module")
def tree(build):
    """A copy of the tracked sources with a build folder of its own, kept between runs for speed."""
    copy = build / "mutants" / "source"
    names = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, check=True).stdout
    wanted = {name for name in names.decode().split("\0") if name}
    for name in wanted:
        source, target = SOURCE / name, copy / name
        if source.exists() and (not target.exists() or source.read_bytes() != target.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    folder = build / "mutants" / "build"
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, copy], check=True, capture_output=True)
    return copy, folder


def run_test(copy, folder, test):
    """(has it passed, output)"""
    if "::" in test:
        subprocess.run(["ninja", "-C", folder], capture_output=True, check=True)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", copy / "tests" / test]
    else:
        command = ["meson", "test", "-C", folder, "--print-errorlogs", test]
    environment = {**os.environ, "GATEWAYD_BUILD": str(folder)}
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, cwd=copy)
    return result.returncode == 0, result.stdout + result.stderr


def test_there_are_enough():
    assert len(MUTANTS) >= 20


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant(tree, name):
    copy, folder = tree
    mutant = MUTANTS[name]
    path = copy / mutant["file"]
    original = path.read_text()
    assert original.count(mutant["from"]) == 1, f"'from' occurs {original.count(mutant['from'])} times"
    path.write_text(original.replace(mutant["from"], mutant["to"]))
    try:
        has_passed, output = run_test(copy, folder, mutant["test"])
    finally:
        path.write_text(original)
    assert "No suitable tests" not in output and "no tests ran" not in output, f"no such test: {mutant['test']}"
    assert "FAILED:" not in output or "ninja: build stopped" not in output, f"does not build:\n{output[-3000:]}"
    assert not has_passed, f"nobody noticed: {mutant['why']}"
