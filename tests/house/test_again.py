# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./check says of tests that fail: scripts/again.py and scripts/count.py, over a small tree of their own."""
import shutil
import subprocess
import sys

import pytest

TESTS = """
import pathlib
import pytest
LOST = pathlib.Path(__file__).with_name("lost")

@pytest.mark.parametrize("name", ["a[1]", "b"])
def test_well(name):
    pass

def test_loses_a_race():
    lost = LOST.exists()
    LOST.touch()
    assert lost

class TestRoom:
    def test_always(self):
        assert {passes}
"""


@pytest.fixture
def check(source, tmp_path):
    for name in ("again.py", "count.py"):
        (tmp_path / "scripts").mkdir(exist_ok=True)
        shutil.copy(source / "scripts" / name, tmp_path / "scripts")

    def run(text):
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests/test_it.py").write_text(text)
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=r.xml", "tests"],
                       cwd=tmp_path, stdout=subprocess.DEVNULL)
        again = subprocess.run([sys.executable, "scripts/again.py", "r.xml"], cwd=tmp_path, stdout=subprocess.PIPE,
                               text=True, check=True).stdout
        last = subprocess.run([sys.executable, "scripts/count.py", "0", "r.xml"], cwd=tmp_path,
                              stdout=subprocess.PIPE, text=True)
        return again, last.stdout.splitlines()[-1], last.returncode

    return run


def test_a_lost_race_is_named(check):
    again, last, code = check(TESTS.format(passes=True))
    assert "unsteady: tests/test_it.py::test_loses_a_race" in again
    assert last == "4 passed, 0 failed" and code == 0


def test_what_always_fails_is_a_failure(check):
    again, last, code = check(TESTS.format(passes=False))
    assert "unsteady: tests/test_it.py::test_loses_a_race" in again
    assert "once more, alone: tests/test_it.py::TestRoom::test_always" in again
    assert last == "3 passed, 1 failed" and code == 1


def test_many_failures_are_no_accident(check):
    text = TESTS.format(passes=True) + "".join(f"\ndef test_{n}():\n    assert False\n" for n in range(4))
    again, last, code = check(text)
    assert again == "" and last == "3 passed, 5 failed" and code == 1
