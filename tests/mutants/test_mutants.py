# SPDX-License-Identifier: LGPL-2.1-or-later
"""Applies each *.mutant to a copy of the sources and requires the test that it names to fail. See README.md."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
KEYS = {"why", "file", "from", "to", "test"}
# A mutant may leave a variable unused; and what is built most often should build fast.
OPTIONS = ["-Dwerror=false", "-Doptimization=0", "-Ddebug=false"]
TIMEOUT_S = 60  # a mutant makes its test fail, not wait
NOTHING_RAN = re.compile(r"no tests ran|^1\.\.0$", re.M)


def read_mutant(path):
    mutant = {"from": [], "to": []}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, value = line.partition(":")
        assert key in KEYS, f"{path.name}:{number}: unknown key {key!r}"
        value = value.removeprefix(" ")
        if key in ("from", "to"):
            mutant[key].append(value)
        else:
            mutant[key] = value
    assert set(mutant) == KEYS, f"{path.name}: lacks {KEYS - set(mutant)}"
    mutant["from"], mutant["to"] = "\n".join(mutant["from"]), "\n".join(mutant["to"])
    return mutant


MUTANTS = {path.stem: read_mutant(path) for path in sorted(HERE.glob("*.mutant"))}


def synchronise(copy):
    """Makes the copy equal to the sources, touching only what differs."""
    command = ["git", "-C", SOURCE, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    wanted = {SOURCE / name: copy / name for name in names if (SOURCE / name).is_file()}
    for stray in {path for path in copy.rglob("*") if path.is_file()} - set(wanted.values()):
        stray.unlink()
    for source, target in wanted.items():
        if not target.exists() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


class Tree:
    """A copy of the sources with a build folder of its own; both are kept for the next run."""

    def __init__(self, folder):
        self.copy, self.build = folder / "source", folder / "build"
        self.outputs = {}  # test -> what it said in the copy as it is, if it failed there
        synchronise(self.copy)
        if not (self.build / "build.ninja").exists():
            shutil.rmtree(self.build, ignore_errors=True)
            subprocess.run(["meson", "setup", *OPTIONS, self.build, self.copy], check=True, capture_output=True)
        subprocess.run(["ninja", "-C", self.build, "build.ninja"], check=True, capture_output=True)
        self.tests = {test["name"]: test for test in self.introspect("tests")}
        self.targets = {target["id"]: target for target in self.introspect("targets")}

    def introspect(self, what):
        command = ["meson", "introspect", f"--{what}", self.build]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    def started_by_python(self, test):
        """What a Python test starts: the emulated nodes, and all that gets installed."""
        for target in self.targets.values():
            is_node = target["defined_in"].startswith(f"{self.copy}/tests/nodes/")
            if is_node or (target["installed"] and not test.startswith("nodes/")):
                yield target

    def plan(self, test):
        """(what must be built, command, folder to run it in, its environment)"""
        if "::" in test:
            command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{test}"]
            environment = {"GATEWAYD_BUILD": str(self.build), "PYTHONDONTWRITEBYTECODE": "1"}
            return self.started_by_python(test), command, self.copy, environment
        name, _, case = test.partition(" ")
        assert name in self.tests, f"there is no test {name}"
        found = self.tests[name]
        needs = (self.targets[target] for target in found["depends"])
        return needs, found["cmd"] + (["-p", case] if case else []), self.build, found["env"]

    def run(self, test):
        """(is built, has passed, output) of the test."""
        needs, command, folder, environment = self.plan(test)
        files = [os.path.relpath(name, self.build) for target in needs for name in target["filename"]]
        made = subprocess.run(["ninja", "-C", self.build, *files], capture_output=True, text=True)
        if made.returncode != 0:
            return False, False, made.stdout
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S,
                                env={**os.environ, **environment}, cwd=folder, errors="replace")
        assert not NOTHING_RAN.search(result.stdout), f"there is no test {test}"
        return True, result.returncode == 0, result.stdout

    def check_sound(self, test):
        """A test that fails anyway proves nothing."""
        if test not in self.outputs:
            is_built, has_passed, output = self.run(test)
            self.outputs[test] = "" if is_built and has_passed else output
        if self.outputs[test]:
            pytest.fail(f"fails without the mutant:\n{self.outputs[test][-3000:]}", pytrace=False)


@pytest.fixture(scope="module")
def tree(build):
    return Tree(build / "mutants")


def test_there_are_enough():
    assert len(MUTANTS) >= 20


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant(tree, name):
    mutant = MUTANTS[name]
    path = tree.copy / mutant["file"]
    original = path.read_text()
    assert original.count(mutant["from"]) == 1, f"'from' occurs {original.count(mutant['from'])} times"
    tree.check_sound(mutant["test"])
    path.write_text(original.replace(mutant["from"], mutant["to"]))
    try:
        is_built, has_passed, output = tree.run(mutant["test"])
    finally:
        path.write_text(original)
    assert is_built, f"does not build:\n{output[-3000:]}"
    assert not has_passed, f"nobody noticed: {mutant['why']}"
