# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated PIC32 must fail where the real device fails: one documented bad reply each, and one good one."""
import hashlib
import json
import socket
import struct
import subprocess
import threading
import time

import pytest

IMAGE = bytes((i * 7 + i // 251) % 256 for i in range(20000))


class Canned:
    """Serves one reply per connection: a list of byte pieces, each sent on its own, then an end."""

    def __init__(self, replies):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.replies = replies(self.port) if callable(replies) else replies
        self.requests = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        for pieces, end in self.replies:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.requests.append(peer.recv(4096))
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.answer, args=(peer, pieces, end), daemon=True).start()

    @staticmethod
    def answer(peer, pieces, end):
        for piece in pieces:
            try:
                peer.sendall(piece)
            except OSError:
                return
            time.sleep(0.05)
        if end == "fin":
            peer.shutdown(socket.SHUT_WR)
        elif end == "rst":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            return
        time.sleep(2)
        peer.close()


def reply(body, status="HTTP/1.1 200 OK", length=None, name="Content-Length"):
    length = len(body) if length is None else length
    return f"{status}\r\n{name}: {length}\r\n\r\n".encode() + body


def manifest(port, image=IMAGE, **change):
    entry = {"Version": 6, "URL": f"http://127.0.0.1:{port}/b/t", "Digest": hashlib.sha256(image).hexdigest(),
             "EraseVer": False}
    entry.update(change)
    return entry


def document(*entries):
    return json.dumps({"ota": list(entries)}).encode()


def run(build, replies, polls=1, **options):
    server = Canned(replies)
    command = [build / "tests/nodes/fake-pic32", "--url", f"http://127.0.0.1:{server.port}/ota.json?x=1#y",
               "--version", "3", "--polls", str(polls), "--poll-ms", "10", "--stall-ms", "200"]
    command += [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    result.requests = server.requests
    return result


def image_run(build, image_reply, end="hold", image=IMAGE, **options):
    """A good manifest, then that reply to the image request."""
    return run(build, lambda port: [([reply(document(manifest(port, image)))], "hold"), (image_reply, end)], **options)


def test_good_update_resets_into_the_new_version(build):
    result = image_run(build, [reply(IMAGE)])
    assert "verified 20000 bytes" in result.stdout and "reset, running version 6" in result.stdout
    assert result.requests[0] == b"GET /ota.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert result.requests[1] == b"GET /b/t HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def test_nothing_due(build):
    assert "nothing due" in run(build, [([reply(b'{"ota":[]}')], "hold")]).stdout


BAD_MANIFEST_REPLIES = {
    "split head": ([b"HTTP/1.1 200 OK\r\nContent-", b"Length: 10\r\n\r\n{\"ota\":[]}"], "head not in the first read"),
    "no reason and no blank": ([reply(b'{"ota":[]}', "HTTP/1.1 200")], "bad status line"),
    "not 200": ([reply(b'{"ota":[]}', "HTTP/1.1 304 Not Modified")], "status 304"),
    "redirect": ([b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"], "status 302"),
    "lower-case length": ([reply(b'{"ota":[]}', name="content-length")], "no Content-Length"),
    "no length": ([b'HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{"ota":[]}'], "no Content-Length"),
    "length 0": ([reply(b"")], "no Content-Length"),
    "line without colon": ([b'HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 10\r\n\r\n{"ota":[]}'], "bad header line"),
    "chunked": ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{\"ota\":[]}\r\n0\r\n\r\n"],
                "no Content-Length"),
    "extra byte": ([reply(b'{"ota":[]}x', length=10)], "stalled at 11 of 10"),
    "manifest over 2000 bytes": ([reply(b'{"ota":[]}' + b" " * 2000)], "manifest too long"),
    "no JSON": ([reply(b"not json at all")], "bad manifest"),
}


@pytest.mark.parametrize("name", BAD_MANIFEST_REPLIES)
def test_bad_manifest_reply(build, name):
    pieces, said = BAD_MANIFEST_REPLIES[name]
    result = run(build, [(pieces, "hold")])
    assert said in result.stdout and "nothing due" not in result.stdout


def test_fin_in_mid_manifest_is_not_noticed(build):
    result = run(build, [([reply(b'{"ota":[]}', length=50)], "fin")])
    assert "stalled at 10 of 50" in result.stdout


BAD_ENTRIES = {
    "version is a string": {"Version": "6"},
    "version 0": {"Version": 0},
    "version is a fraction": {"Version": 6.5},
    "digest of 63": {"Digest": "a" * 63},
    "digest with a blank": {"Digest": "a" * 63 + " "},
    "no URL": {"URL": None},
    "erase is a number": {"EraseVer": 1},
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_bad_entry(build, name):
    result = run(build, lambda port: [([reply(document(manifest(port, **BAD_ENTRIES[name])))], "hold")])
    assert "bad manifest entry" in result.stdout and "loading" not in result.stdout


def test_only_the_last_element_counts(build):
    result = run(build, lambda port: [([reply(document(manifest(port), manifest(port, Version=2)))], "hold")])
    assert "version 2 is not newer" in result.stdout


def test_url_of_100_characters_crashes(build):
    def replies(port):
        url = f"http://127.0.0.1:{port}/"
        return [([reply(document(manifest(port, URL=url + "a" * (100 - len(url)))))], "hold")]
    result = run(build, replies)
    assert result.returncode == 70 and "crashed: URL of 100 characters" in result.stdout


def test_url_of_99_characters_is_fine(build):
    def replies(port):
        url = f"http://127.0.0.1:{port}/"
        return [([reply(document(manifest(port, URL=url + "a" * (99 - len(url)))))], "hold"), ([reply(IMAGE)], "hold")]
    assert "running version 6" in run(build, replies).stdout


def test_erase_flag_sticks_until_it_is_cleared_explicitly(build):
    def replies(port):
        erase = document(manifest(port, EraseVer=True))
        return [([reply(erase)], "hold")]
    result = run(build, replies, polls=3)
    assert "erased version 6: idle until reset" in result.stdout and len(result.requests) == 1


def test_small_image_hangs(build):
    small = IMAGE[:4096]
    result = image_run(build, [reply(small)], image=small)
    assert "never fills a sector" in result.stdout and "running version 6" not in result.stdout


BAD_IMAGE_REPLIES = {
    "wrong bytes": ([reply(IMAGE[:-1] + b"!")], "hold", "digest mismatch"),
    "one byte too many": ([reply(IMAGE + b"!", length=len(IMAGE))], "hold", "stalled at 20001 of 20000"),
    "FIN in mid-body": ([reply(IMAGE[:9000], length=len(IMAGE))], "fin", "stalled at 9000 of 20000"),
    "RST in mid-body": ([reply(IMAGE[:9000], length=len(IMAGE))], "rst", "image failed"),
    "404": ([reply(b"gone", "HTTP/1.1 404 Not Found")], "hold", "status 404"),
}


@pytest.mark.parametrize("name", BAD_IMAGE_REPLIES)
def test_failed_image_leaves_it_idle(build, name):
    pieces, end, said = BAD_IMAGE_REPLIES[name]
    result = image_run(build, pieces, end, polls=3)
    assert said in result.stdout and "image failed: idle until reset" in result.stdout
    assert "running version 6" not in result.stdout and len(result.requests) == 2 and result.returncode == 1


@pytest.mark.parametrize("lie,said", [("refuse", "digest mismatch"), ("die-at-end", "lost power after the last byte"),
                                      ("die-in-middle", "lost power in mid-image"), ("loop", "fell back to version 3")])
def test_lies_never_run_the_new_version(build, lie, said):
    result = image_run(build, [reply(IMAGE)], lie=lie)
    assert said in result.stdout and "running version 6" not in result.stdout
