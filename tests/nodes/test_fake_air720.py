# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated Air720 must fail where the real one fails: one documented bad reply each, and the good ones."""
import pytest

from http_replies import Canned, bootable, reply, run_node

IMAGE = bootable(b"LUAT", "1.0.1")
NO = reply("400 Bad Request", b'{"code": 27, "msg": "nothing"}')


def run(build, *replies, **options):
    server = Canned(*replies)
    result = run_node(build / "tests/nodes/fake-air720", server, **options)
    result.requests = server.requests
    return result


def test_the_request_on_the_wire(build):
    request = run(build, NO).requests[0].decode()
    assert request == ("GET /api/site/firmware_upgrade?project_key=AbCdEfGhIjKlMnOpQrStUvWxYz012345"
                       "&imei=866888020000001&device_key=SN0001&firmware_name=demo_Luat_V0028_ASR1802_720D"
                       "&version=1.0.0 HTTP/1.1\r\nHost: iot.openluat.com\r\nRange: bytes=0-\r\nConnection: short\r\n\r\n")


GOOD = {
    "200": [reply("200 OK", IMAGE)],
    "206": [reply("206 Partial Content", IMAGE, f"Content-Range: bytes 0-{len(IMAGE) - 1}/{len(IMAGE)}")],
    "cut, then 206": [reply("200 OK", IMAGE[:8000], length=len(IMAGE)),
                      reply("206 Partial Content", IMAGE[8000:],
                            f"Content-Range: bytes 8000-{len(IMAGE) - 1}/{len(IMAGE)}")],
    "small segments": [[reply("200 OK", IMAGE)[i:i + 997] for i in range(0, 21000, 997)]],
}


@pytest.mark.parametrize("name", GOOD)
def test_good_replies(build, name):
    result = run(build, *GOOD[name])
    assert "restart, running version 1.0.1" in result.stdout and result.returncode == 0
    if "cut" in name:
        assert b"Range: bytes=8000-" in result.requests[1]


def test_a_redirection_is_followed_with_the_same_range(build):
    server = Canned(reply("302 Found", b"", "Location: http://127.0.0.1:PORT/other"), reply("200 OK", IMAGE))
    server.replies[0] = server.replies[0].replace(b"PORT", str(server.port).encode())
    result = run_node(build / "tests/nodes/fake-air720", server)
    assert "running version 1.0.1" in result.stdout
    assert server.requests[1].startswith(b"GET /other") and b"Range: bytes=0-" in server.requests[1]


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "416 Range Not Satisfiable",
                                    "500 Internal Server Error"])
def test_an_error_ends_the_check(build, status):
    result = run(build, reply(status, b'{"code": 27, "msg": "x"}'))
    assert "check ended" in result.stdout and "restart" not in result.stdout and len(result.requests) == 1


def test_thirty_retries_at_once(build):
    result = run(build, b"")
    assert len(result.requests) == 31 and "gave up" in result.stdout


def test_a_whole_image_for_the_rest_is_glued_and_bricks(build):
    result = run(build, reply("200 OK", IMAGE[:8000], length=len(IMAGE)), reply("200 OK", IMAGE))
    assert "bricked" in result.stdout and result.returncode == 70


def test_the_rest_of_another_image_bricks(build):
    other = bootable(b"LUAT", "1.0.2")
    result = run(build, reply("200 OK", IMAGE[:8000], length=len(IMAGE)),
                 reply("206 Partial Content", other[8000:], f"Content-Range: bytes 8000-{len(other) - 1}/{len(other)}"))
    assert "bricked" in result.stdout and result.returncode == 70


def test_chunked_is_a_success_without_a_byte(build):
    result = run(build, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")
    assert "success without a byte" in result.stdout and "restart, running version 1.0.0" in result.stdout


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK\r\ncontent-length: 20000", "HTTP/1.1 200\r\nContent-Length: 20000"])
def test_a_length_that_it_does_not_see(build, head):
    result = run(build, head.encode() + b"\r\n\r\n" + IMAGE)
    assert "length unknown" in result.stdout


@pytest.mark.parametrize("lie,said", [("die-in-middle", "lost power in mid-image"), ("loop", "running version 1.0.0"),
                                      ("die-at-end", "lost power after the last byte")])
def test_lies_never_run_the_new_version(build, lie, said):
    result = run(build, reply("200 OK", IMAGE), lie=lie)
    assert said in result.stdout and "running version 1.0.1" not in result.stdout


def test_wrong_options_are_named(build):
    result = run(build, NO, nonsense=1)
    assert result.returncode == 2 and "unknown option" in result.stderr and "--imei" in result.stderr
