# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated ESP must fail where the real one fails: one documented bad reply each, and the good ones."""
import hashlib
import json

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


# --- Tasmota

LARGE = bootable(b"\xe9ESP", "2.0", 30000)
TASMOTA = {"tasmota": 1, "path": "/fw/tasmota-DE.bin", "free_space": 25000}


def paths(result):
    return [request.split(b" ")[1].decode() for request in result.requests]


def test_tasmota_steps_over_the_minimal_image(build):
    """What is too large is seen from the head alone."""
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n"
    result = run(build, large, reply("200 OK", IMAGE), reply("200 OK", LARGE), **TASMOTA)
    assert paths(result) == ["/fw/tasmota-DE.bin", "/fw/tasmota-minimal.bin", "/fw/tasmota-DE.bin"]
    assert "running version 2.0" in result.stdout


@pytest.mark.parametrize("first", [reply("304 Not Modified"), reply("404 Not Found")])
def test_tasmota_does_not_step_without_a_reason(build, first):
    assert paths(run(build, first, reply("200 OK", IMAGE), **TASMOTA)) == ["/fw/tasmota-DE.bin"]


def test_tasmota_without_a_minimal_image(build):
    result = run(build, reply("200 OK", LARGE), reply("404 Not Found"), **TASMOTA)
    assert len(result.requests) == 2 and "restart" not in result.stdout


# --- ESPHome

def manifest(**changes):
    ota = {"md5": MD5, "path": "/b/x.bin"} | changes.pop("ota", {})
    whole = {"name": "p", "version": "1.0.1", "builds": [{"chipFamily": "ESP32-C3", "ota": ota}]} | changes
    return reply("200 OK", json.dumps(whole).encode())


def esphome(build, *replies):
    return run(build, *replies, name="kitchen", esphome="ESP32-C3")


def test_esphome_reads_the_manifest_first(build):
    result = esphome(build, manifest(), reply("200 OK", IMAGE))
    assert paths(result) == ["/n/kitchen/ESP32-C3/1.0.0/manifest.json", "/b/x.bin"]
    assert "running version 1.0.1" in result.stdout


BAD_MANIFESTS = {
    "not found": (reply("404 Not Found"), "Failed to fetch manifest"),
    "not modified": (reply("304 Not Modified"), "Failed to fetch manifest"),
    "no JSON": (reply("200 OK", b"<html>"), "Failed to parse JSON"),
    "another chip": (manifest(builds=[{"chipFamily": "ESP8266", "ota": {}}]), "Failed to parse JSON"),
    "no build": (manifest(builds=[]), "Failed to parse JSON"),
    "no MD5": (manifest(ota={"md5": None}), "Failed to parse JSON"),
    "the same version": (manifest(version="1.0.0"), "nothing new"),
    "no version": (manifest(version=""), "nothing new"),
}


@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_bad_manifests(build, name):
    answer, said = BAD_MANIFESTS[name]
    result = esphome(build, answer, reply("200 OK", IMAGE))
    assert said in result.stdout and len(result.requests) == 1


def test_esphome_checks_the_md5(build):
    assert "error 7" in esphome(build, manifest(ota={"md5": "0" * 32}), reply("200 OK", IMAGE)).stdout
