# SPDX-License-Identifier: LGPL-2.1-or-later
"""The long run begins, counts, and can fail; with counts that end at once."""
import os
import subprocess

import pytest


@pytest.fixture
def long_run(build, source):
    def run(*parts, **settings):
        environment = {**os.environ, "LONG_INPUTS": "100", "LONG_FIRST_SEED": "41", **settings}
        return subprocess.run([source / "tests/long/run", build, *parts], capture_output=True, text=True, env=environment)
    return run


def test_counts_what_passed(long_run):
    result = long_run("plugins")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith(" passed, 0 failed\n") and "harmony: 0 cases, 100 random inputs" in result.stdout


def test_counts_what_failed(long_run):
    result = long_run("repeat", LONG_REPEATS="many")
    assert result.returncode == 1 and result.stdout.endswith("0 passed, 1 failed\n")


def test_an_unknown_part_is_named(long_run):
    result = long_run("fuss")
    assert result.returncode == 2 and "fuss" in result.stderr


def test_tests_with_a_seed_get_more_of_them(build, source):
    environment = {**os.environ, "PYTHONPATH": str(source / "tests/long"), "LONG_FIRST_SEED": "41", "LONG_SEEDS": "12"}
    command = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-p", "seeds", "-q", "--collect-only",
               source / "tests/system"]
    found = subprocess.run(command, capture_output=True, text=True, env=environment).stdout.splitlines()
    names = [line for line in found if "::" in line]
    assert len(names) % 12 == 0 and sum(name.endswith("[52]") for name in names) == len(names) // 12 > 0
