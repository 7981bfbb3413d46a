# SPDX-License-Identifier: LGPL-2.1-or-later
"""directory in the real WAN worker: folders that fill, change, go and come back."""
import os
import time

import pytest

from gateway import wait_for
from wan_worker import GIVE_UP, OK, RETRY, worker_for


@pytest.fixture
def worker(build, tmp_path, request):
    yield from worker_for(build, tmp_path, request)


@pytest.fixture
def folder(worker, tmp_path):
    """A watched folder; what stays unchanged for 300 ms is taken."""
    path = tmp_path / "stick"
    path.mkdir()
    worker.start()
    worker.configure(stick={"type": "directory", "path": str(path), "poll": "50ms", "settle": "300ms"})
    worker.wait("status", text="0 files")
    return path


def found(worker, name):
    return worker.wait("found", name=name)


def test_bare_file_is_told_once_and_brought(worker, folder):
    image = os.urandom(200_000)
    (folder / "fw ä.bin").write_bytes(image)
    event = found(worker, "fw ä.bin")
    assert event["size"] == len(image)
    number = worker.fetch(event["url"], len(image), upstream="stick")
    assert worker.outcome(number)["result"] == OK and worker.bytes(number) == image
    time.sleep(0.5)
    assert len(worker.all("found")) == 1


def test_growing_file_is_waited_for(worker, folder):
    """A slow writer that pauses longer than the settling time, but keeps the file open."""
    with open(folder / "fw.bin", "wb") as file:
        file.write(b"half")
        file.flush()
        time.sleep(1)
        assert not worker.all("found")
        file.write(b"whole")
    assert found(worker, "fw.bin")["size"] == 9


def test_renamed_file_is_taken_and_temporary_ones_are_not(worker, folder):
    for name in (".hidden", "fw.part", "fw.tmp", "fw.bin~", "fw.CRDOWNLOAD", "~$fw.bin"):
        (folder / name).write_bytes(b"data")
    (folder / "empty").touch()
    (folder / "sub").mkdir()
    (folder / "sub" / "inner.bin").write_bytes(b"data")
    (folder / "link.bin").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.bin")
    (folder / "fw.part").rename(folder / "fw.bin")
    found(worker, "fw.bin")
    time.sleep(0.6)
    assert [event["name"] for event in worker.all("found")] == ["fw.bin"]


def test_replaced_file_is_another_one(worker, folder):
    (folder / "fw.bin").write_bytes(b"first")
    first = found(worker, "fw.bin")
    (folder / "fw.bin").write_bytes(b"second")
    second = worker.wait("found", 2, name="fw.bin")
    assert first["url"] != second["url"]
    number = worker.fetch(first["url"], 5, upstream="stick")
    outcome = worker.outcome(number)
    assert outcome["result"] == GIVE_UP and "replaced" in outcome["text"]
    number = worker.fetch(second["url"], 6, upstream="stick")
    assert worker.outcome(number)["result"] == OK and worker.bytes(number) == b"second"


def test_catalog_with_signature(worker, folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "fw.bin").write_bytes(b"image")
    (folder / "other.bin").write_bytes(b"data")
    (folder / "catalog.json").write_text("{}")
    (folder / "catalog.json.sig").write_text("c2ln\n")
    event = worker.wait("announce")
    assert (event["document"], event["signature"], event["sealed"]) == ("{}", "c2ln\n", True)
    number = worker.fetch("sub/fw.bin", 5, upstream="stick", base=event["base"])
    assert worker.outcome(number)["result"] == OK and worker.bytes(number) == b"image"
    time.sleep(0.5)
    assert not worker.all("found") and len(worker.all("announce")) == 1
    (folder / "catalog.json").write_text("[]")
    assert worker.wait("announce", 2)["document"] == "[]"


def test_catalog_that_cannot_be_read_is_looked_at_again(worker, folder):
    (folder / "catalog.json").write_bytes(b" " * (1024 * 1024 + 1))
    worker.wait("status", well=False, text="too large")
    (folder / "catalog.json").write_text("{}")
    worker.wait("announce", seconds=3)
    assert worker.all("status")[-1]["well"]


@pytest.mark.parametrize("url", ["../secret", "/etc/passwd", "link.bin", "sub/../../secret", "dirlink/secret",
                                 "http://127.0.0.1/x", "%2e%2e/secret", "x%00y", "pipe", "sub", ""])
def test_nothing_outside_the_folder_is_reached(worker, folder, url):
    (folder.parent / "secret").write_bytes(b"secret")
    (folder / "link.bin").symlink_to("../secret")
    (folder / "dirlink").symlink_to("..")
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    number = worker.fetch(url, 6, upstream="stick")
    assert worker.outcome(number)["result"] in (GIVE_UP, RETRY)
    assert worker.bytes(number) == b""


def test_pulling_the_stick_ends_nothing(worker, folder):
    (folder / "catalog.json").write_text("{}")
    (folder / "fw.bin").write_bytes(b"image")
    worker.wait("announce")
    away = folder.with_name("away")
    folder.rename(away)
    worker.wait("status", text="waiting for the folder")
    number = worker.fetch("fw.bin", 5, upstream="stick")
    assert worker.outcome(number)["result"] == RETRY
    away.rename(folder)
    worker.wait("announce", 2)
    number = worker.fetch("fw.bin", 5, upstream="stick")
    assert worker.outcome(number)["result"] == OK
    assert worker.wan.is_running()


def test_bare_files_of_a_stick_that_returns_are_not_told_again(worker, folder):
    (folder / "fw.bin").write_bytes(b"image")
    found(worker, "fw.bin")
    away = folder.with_name("away")
    folder.rename(away)
    worker.wait("status", text="waiting for the folder")
    away.rename(folder)
    (folder / "next.bin").write_bytes(b"image")
    found(worker, "next.bin")
    assert len(worker.all("found")) == 2


def test_resume_in_the_same_file(worker, folder):
    image = os.urandom(100_000)
    (folder / "fw.bin").write_bytes(image)
    first = worker.fetch("fw.bin", len(image), upstream="stick", take=30_000)
    worker.outcome(first)
    part = worker.bytes(first)
    second = worker.fetch("fw.bin", len(image), upstream="stick", offset=len(part),
                          validator=worker.head(first)["validator"])
    assert worker.outcome(second)["result"] == OK and not worker.head(second)["restarted"]
    assert part + worker.bytes(second)[len(part):] == image
    os.utime(folder / "fw.bin", (1, 1))
    third = worker.fetch("fw.bin", len(image), upstream="stick", offset=len(part),
                         validator=worker.head(first)["validator"])
    assert worker.outcome(third)["result"] == OK and worker.head(third)["restarted"]
    assert worker.bytes(third) == image


def test_name_that_is_not_utf8_is_passed_over(worker, folder):
    with open(os.fsencode(folder) + b"/\xff\xfe.bin", "wb") as file:
        file.write(b"data")
    worker.wait("status", well=False, text="not UTF-8")
    (folder / "fw.bin").write_bytes(b"image")
    found(worker, "fw.bin")


def test_more_files_than_are_listed(worker, folder):
    for i in range(1030):
        (folder / f"{i:04}.bin").write_bytes(b"x")
    worker.wait("status", well=False, text="more than")
    wait_for("all that are listed", lambda: len(worker.all("found")) >= 1000)
