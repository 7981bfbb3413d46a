# SPDX-License-Identifier: LGPL-2.1-or-later
"""gatewayd-unpack: what a file may do to the process that looks into it, and what the gateway makes of that."""
import signal
import time

import pytest

import unpacker
from gateway import wait_for

HOSTILE = ["plugins/format/raw", "tests/system"]


@pytest.fixture(name="hostile")
def fixture_hostile(tmp_path):
    def make(word):
        path = tmp_path / f"{word}.bin"
        path.write_bytes(b"hostile " + word.encode())
        return path
    return make


def test_any_file_is_an_image(build, tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"\x00" * 1000)
    result = unpacker.look(build, path)
    assert (result.hello, result.format, result.refusal, result.status) == (["raw"], "raw", "", 0)
    assert list(result.members) == [""] and result.members[""][0] == 1000


def test_an_empty_file_is_none(build, tmp_path):
    (tmp_path / "empty").touch()
    assert unpacker.look(build, tmp_path / "empty").refusal == "it is empty"


@pytest.mark.parametrize("word", ["exec", "fork", "shadow", "packet", "ptrace", "code", "kill"])
def test_K7_a_format_that_was_taken_over_is_killed(build, hostile, word):
    result = unpacker.look(build, hostile(word), folders=HOSTILE)
    assert result.hello and result.members is None and result.status == -signal.SIGSYS


def test_K9_five_seconds_of_cpu(build, hostile):
    result = unpacker.look(build, hostile("loop"), folders=HOSTILE)
    assert result.members is None and result.status in (-signal.SIGKILL, -signal.SIGXCPU)
    assert 4 < result.cpu_seconds < 6


def test_K9_64_mebibytes(build, hostile):
    result = unpacker.look(build, hostile("eat"), folders=HOSTILE)
    assert 40 < int(result.members[""][2]["mebibytes"]) <= 64


@pytest.mark.parametrize("word, why", [
    ("names", 'the name "../../etc/passwd" in it leads out of its folder'), ("twice", 'it holds "a" twice'),
    ("many", "it holds more than 256 files"), ("endless", '"endless" in it is larger than an image may be'),
    ("announce", '"sparse" in it has 4294967296 bytes, more than an image may have')])
def test_K9_what_no_format_may_say(build, hostile, word, why):
    result = unpacker.look(build, hostile(word), folders=HOSTILE)
    assert (result.refusal, result.status) == (why, 0) and result.cpu_seconds < 5


def test_nothing_is_done_without_a_job(build):
    child, ours = unpacker.start(build)
    ours.close()
    assert child.wait(10) == 1
    result = unpacker.hear_all(*greeted(build))
    assert (result.hello, result.members, result.status) == (["raw"], None, 0)


def greeted(build):
    child, ours = unpacker.start(build)
    unpacker.send(ours, [])
    return child, ours


# ---- the whole gateway --------------------------------------------------------------------------------------------

def problems(gateway):
    return [text for text in gateway.json("status")["problems"] if "looked into" in text]


@pytest.mark.parametrize("word", ["loop", "crash", "shadow", "twice"])
def test_K9_the_gateway_refuses_and_lives_on(gateway, hostile, word):
    one = gateway()
    one.plugin_folders = [*one.plugin_folders, "tests/system"]
    one.start()
    pid = one.processes["core"].pid
    begin = time.monotonic()
    options = ["--member=*"] if word == "twice" else []  # only then anybody asks what is packed in it
    refused = one.ctl("import", hostile(word), "--product=weather", "--version=1", *options, is_checked=False)
    assert refused.returncode != 0 and time.monotonic() - begin < 30
    assert ("twice" if word == "twice" else "more than is allowed") in refused.stderr
    assert one.rows("firmware") == [] and one.processes["core"].pid == pid
    (one.folder / "good.bin").write_bytes(b"\x00good")
    one.ctl("import", one.folder / "good.bin", "--product=weather", "--version=1")
    assert one.row("firmware", "version", "1")["size"] == 5


def test_images_come_in_without_the_helper(gateway):
    one = gateway().start(names=("wan", "lan", "core"))
    (one.folder / "good.bin").write_bytes(b"\x00good")
    one.ctl("import", one.folder / "good.bin", "--product=weather", "--version=1")
    assert "cannot be reached" in problems(one)[0]
    refused = one.ctl("import", one.folder / "good.bin", "--product=weather", "--version=2", "--member=*", is_checked=False)
    assert refused.returncode != 0 and "cannot be reached" in refused.stderr
    one.start(names=("unpack",))
    wait_for("the end of the problem", lambda: not problems(one))


def test_formats_are_listed(gateway):
    one = gateway().start()
    assert wait_for("the helper's plugins", lambda: one.row("plugins", "name", "raw"))["kind"] == "format"
