# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated GAgent must fail where the real one fails: one documented bad reply each, and the good ones."""
import hashlib

import pytest

from http_replies import Canned, reply, run_node

DID = "AbCdEfGhIjKlMnOpQrStUv"
IMAGE = bytes(range(256)) * 40
MD5 = hashlib.md5(IMAGE).hexdigest()
URL = "http://api.gizwits.com/dev/ota/v4.1/download/abcdefghijklmnop"
OFFER = f"soft_ver=04020019&download_url={URL}"
HEADERS = ["Soft-Version: 04020019", f"Firmware-MD5: {MD5}", 'Content-Disposition: attachment; filename="a.bin"']
NO = reply("404 Not Found", b'{"error_code":9502}')


def chunked(status, body):
    return (f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"{len(body):x}\r\n{body}\r\n0\r\n\r\n").encode()


PROVISIONED = chunked("200 OK", "host=m2m.gizwits.com&port=1883&server_ts=1700000000")
GOOD = reply("200 OK", IMAGE, *HEADERS)


def run(build, *replies, **options):
    server = Canned(*replies)
    result = run_node(build / "tests/nodes/fake-gagent", server, **({"did": DID} | options))
    result.requests = [request.decode() for request in server.requests]
    return result


def test_a_whole_start(build):
    result = run(build, chunked("201 Created", f"did={DID}"), PROVISIONED, NO, NO, did="")
    assert f"registered as {DID}" in result.stdout and "provisioned: m2m.gizwits.com:1883" in result.stdout
    assert result.requests[0].endswith("passcode=0123456789&mac=000000000000&product_key=0123456789abcdef0123456789abcdef")
    assert result.requests[2].startswith(f"POST /dev/ota/v4.1/update_and_check/{DID} HTTP/1.1\r\nHost:api.gizwits.com\r\n")
    assert result.requests[2].endswith("type=1&hard_version=00ESP826&soft_version=04020006")
    assert result.requests[3].endswith("type=2&hard_version=03010100&soft_version=03030006")


def test_an_update(build):
    result = run(build, PROVISIONED, chunked("200 OK", OFFER), GOOD, NO)
    assert "running version 04020019" in result.stdout
    assert result.requests[2].startswith("GET /dev/ota/v4.1/download/abcdefghijklmnop HTTP/1.1\r\nHost: api.gizwits.com\r\n")


def test_push_method_v4(build):
    old = f"target_fid=7&download_url={URL.replace('/v4.1', '')}&"
    result = run(build, PROVISIONED, chunked("200 OK", old), GOOD, old=1)
    assert "&current_fid=1 HTTP" in result.requests[1] and "running version 04020019" in result.stdout
    again = run(build, PROVISIONED, chunked("200 OK", old), GOOD, PROVISIONED, chunked("200 OK", old), old=1, polls=2,
                poll_ms=1)
    assert "check failed" in again.stdout, "a number that it has already"


@pytest.mark.parametrize("name, body", {
    "a length and no CRLF": reply("200 OK", OFFER.encode()),
    "the other order": chunked("200 OK", f"download_url={URL}"),
    "two segments": [chunked("200 OK", OFFER)[:90], chunked("200 OK", OFFER)[90:]],
}.items())
def test_a_check_that_is_not_understood(build, name, body):
    assert "type 1: check failed" in run(build, PROVISIONED, body, NO).stdout, name


def test_a_lesser_version_is_not_taken(build):
    result = run(build, PROVISIONED, chunked("200 OK", OFFER), NO, version="04020020")
    assert "is not greater" in result.stdout and len(result.requests) == 3


def test_a_port_in_the_url_is_not_understood(build):
    result = run(build, PROVISIONED, chunked("200 OK", OFFER.replace(".com/", ".com:8080/")), NO)
    assert "not understood" in result.stdout and "runs" not in result.stdout


def test_a_long_url_crashes_it(build):
    result = run(build, PROVISIONED, chunked("200 OK", OFFER + "x" * 100), NO)
    assert result.returncode == 70


def test_provisioning_without_its_port_crashes_it(build):
    assert run(build, chunked("200 OK", "host=m2m.gizwits.com&server_ts=1")).returncode == 70
    assert run(build, reply("200 OK", b"host=m2m.gizwits.com&port=1883&server_ts=1")).returncode == 70


def test_a_small_image_crashes_it(build):
    small = reply("200 OK", IMAGE[:100], "Soft-Version: 04020019", f"Firmware-MD5: {hashlib.md5(IMAGE[:100]).hexdigest()}",
                  'Content-Disposition: attachment; filename="a.bin"')
    assert run(build, PROVISIONED, chunked("200 OK", OFFER), small).returncode == 70


@pytest.mark.parametrize("name, image", {
    "another digest": GOOD.replace(MD5.encode(), b"0" * 32),
    "head and body apart": [GOOD[:GOOD.index(b"\r\n\r\n") + 4], GOOD[GOOD.index(b"\r\n\r\n") + 4:]],
    "no digest": reply("200 OK", IMAGE, *HEADERS[:1], *HEADERS[2:]),
    "lower case": GOOD.replace(b"Firmware-MD5", b"firmware-md5"),
}.items())
def test_a_download_that_fails(build, name, image):
    result = run(build, PROVISIONED, chunked("200 OK", OFFER), image, NO)
    assert "runs" not in result.stdout and ("MD5" in result.stdout or "failed" in result.stdout), name


def test_the_version_of_an_mcu_is_reported_whatever_became_of_it(build):
    bad = GOOD.replace(MD5.encode(), b"0" * 32)
    result = run(build, PROVISIONED, NO, chunked("200 OK", OFFER), bad, PROVISIONED, NO, NO, polls=2, poll_ms=1)
    assert "wrong MD5" in result.stdout and result.requests[-1].endswith("type=2&hard_version=03010100&soft_version=04020019")
