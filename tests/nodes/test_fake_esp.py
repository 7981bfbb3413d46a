# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated ESP must fail where the real one fails: one documented bad reply each, and the good ones."""
import hashlib

import pytest

from http_replies import Canned, bootable, reply, run_node

IMAGE = bootable(b"\xe9ESP", "1.0.1")
MD5 = hashlib.md5(IMAGE).hexdigest()


def run(build, *replies, **options):
    server = Canned(*replies)
    result = run_node(build / "tests/nodes/fake-esp", server, **options)
    result.requests = server.requests
    return result


def test_the_request_on_the_wire(build):
    request = run(build, reply("304 Not Modified")).requests[0].decode().split("\r\n")
    assert request[0] == "GET /fw.bin HTTP/1.0" and "User-Agent: ESP8266-http-Update" in request
    assert "x-ESP8266-STA-MAC: DE:BA:7A:B1:E0:42" in request and "Content-Length: 0" in request
    assert "x-ESP8266-version: 1.0.0" in request and "x-ESP8266-mode: sketch" in request


def test_an_esp32_has_its_own_names(build):
    request = run(build, reply("304 Not Modified"), family=32, version="").requests[0].decode().split("\r\n")
    assert "User-Agent: ESP32-http-Update" in request and "x-ESP32-STA-MAC: DE:BA:7A:B1:E0:42" in request
    assert "Cache-Control: no-cache" in request and not any("-version: 1" in line for line in request)


@pytest.mark.parametrize("lines", [(), (f"x-MD5: {MD5}",), (f"X-md5: {MD5.upper()}",)])
def test_good_replies(build, lines):
    assert "restart, running version 1.0.1" in run(build, reply("200 OK", IMAGE, *lines)).stdout


BAD = {
    "nothing new": (reply("304 Not Modified"), "nothing new"),
    "forbidden": (reply("403 Forbidden"), "error: status 403"),
    "not found": (reply("404 Not Found"), "error: status 404"),
    "no length": (b"HTTP/1.1 200 OK\r\n\r\n" + IMAGE, "error -101"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\xe9\r\n0\r\n\r\n", "error -101"),
    "empty": (reply("200 OK"), "error -101"),
    "first byte": (reply("200 OK", b"\x7fELF" + IMAGE), "error -106"),
    "wrong MD5": (reply("200 OK", IMAGE, "x-MD5: " + "0" * 32), "error 7"),
    "cut": (reply("200 OK", IMAGE[:9000], length=len(IMAGE)), "connection lost at 9000 of 20000"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_replies(build, name):
    answer, said = BAD[name]
    result = run(build, answer)
    assert said in result.stdout and "restart" not in result.stdout


def test_an_image_that_does_not_fit(build):
    assert "error -100" in run(build, reply("200 OK", IMAGE), free_space=19999).stdout


def test_an_image_that_does_not_boot(build):
    result = run(build, reply("200 OK", IMAGE[:-1] + b"x"))
    assert "bricked" in result.stdout and result.returncode == 70


@pytest.mark.parametrize("lie,said", [("die-in-middle", "lost power in mid-image"), ("loop", "running version 1.0.0"),
                                      ("die-at-end", "lost power after the last byte")])
def test_lies_never_run_the_new_version(build, lie, said):
    result = run(build, reply("200 OK", IMAGE), lie=lie)
    assert said in result.stdout and "running version 1.0.1" not in result.stdout
