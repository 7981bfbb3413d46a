# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sample cloud is what it says: signed catalogs that openssl verifies, HTTP as web servers speak it, honest counts,
and misdeeds that are misdeeds."""
import base64
import http.client
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from publish import publish  # noqa: E402
from server import Cloud, make_server, read_misdeed  # noqa: E402


@pytest.fixture
def cloud(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    one = Cloud(folder, log=tmp_path / "gets")
    server = make_server(one)
    one.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield one
    one.is_stopping = True
    server.shutdown()
    server.server_close()


def get(cloud, path, method="GET", **headers):
    """(status, headers, body)"""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=5)
    connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
    reply = connection.getresponse()
    return reply.status, dict(reply.getheaders()), reply.read()


@pytest.mark.parametrize("kind", ["ed25519", "ec", "rsa"])
def test_published_catalog_is_verified_by_openssl(tmp_path, kind):
    key, public = tmp_path / "key.pem", tmp_path / "key.pub"
    options = {"ec": ["-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-pkeyopt", "rsa_keygen_bits:2048"]}.get(kind, [])
    subprocess.run(["openssl", "genpkey", "-algorithm", kind, *options, "-out", key], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    (tmp_path / "fw.bin").write_bytes(b"image")
    publish(tmp_path, key, 7, ["product=weather,version=5,file=fw.bin,notes=better"])
    document = json.loads((tmp_path / "catalog.json").read_bytes())
    assert document["sequence"] == 7
    assert document["releases"][0] | {"sha256": ""} == {"product": "weather", "version": "5", "url": "fw.bin", "size": 5,
                                                        "notes": "better", "sha256": ""}
    raw = tmp_path / "raw"
    raw.write_bytes(base64.b64decode((tmp_path / "catalog.json.sig").read_text()))
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", tmp_path / "catalog.json",
              "-sigfile", raw]
    verify += {"ed25519": [], "ec": ["-digest", "sha256"],
               "rsa": ["-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]}[kind]
    assert subprocess.run(verify, capture_output=True).returncode == 0
    (tmp_path / "catalog.json").write_bytes((tmp_path / "catalog.json").read_bytes() + b" ")
    assert subprocess.run(verify, capture_output=True).returncode != 0


def test_conditional_requests(cloud):
    (cloud.folder / "x").write_bytes(b"data")
    status, headers, body = get(cloud, "/x")
    assert (status, body, headers["Content-Length"]) == (200, b"data", "4")
    assert get(cloud, "/x", If_None_Match=headers["ETag"])[0] == 304
    assert get(cloud, "/x", If_Modified_Since=headers["Last-Modified"])[0] == 304
    (cloud.folder / "x").write_bytes(b"other")
    assert get(cloud, "/x", If_None_Match=headers["ETag"])[0] == 200
    assert get(cloud, "/x", "HEAD")[2] == b"" and get(cloud, "/../x")[0] == 404


def test_ranges(cloud):
    (cloud.folder / "x").write_bytes(b"0123456789")
    etag = get(cloud, "/x")[1]["ETag"]
    status, headers, body = get(cloud, "/x", Range="bytes=4-", If_Range=etag)
    assert (status, headers["Content-Range"], body) == (206, "bytes 4-9/10", b"456789")
    assert get(cloud, "/x", Range="bytes=4-5")[2] == b"45"
    assert get(cloud, "/x", Range="bytes=4-", If_Range='"other"')[::2] == (200, b"0123456789")
    assert get(cloud, "/x", Range="bytes=10-")[0] == 416


def test_each_request_is_counted(cloud, tmp_path):
    (cloud.folder / "x").write_bytes(b"0123456789")
    for headers in ({}, {"Range": "bytes=4-"}):
        get(cloud, "/x?query", **headers)
    get(cloud, "/y")
    for _ in range(100):
        if len((tmp_path / "gets").read_text().splitlines()) == 3:
            break
        time.sleep(0.02)
    lines = [line.split()[1:] for line in (tmp_path / "gets").read_text().splitlines()]
    assert lines == [["GET", "/x", "200", "10", "-"], ["GET", "/x", "206", "6", "bytes=4-"], ["GET", "/y", "404", "0", "-"]]
    assert cloud.count("/x") == 2


def test_credentials(cloud):
    cloud.user = "gate:way"
    (cloud.folder / "x").write_bytes(b"data")
    assert get(cloud, "/x")[0] == 401
    assert get(cloud, "/x", Authorization="Basic Z2F0ZTp3YXk=")[0] == 200


def test_misdeeds(cloud):
    (cloud.folder / "x").write_bytes(b"0123456789" * 1000)
    cloud.misbehave("/x", retry_after=7, times=1)
    status, headers, _ = get(cloud, "/x")
    assert status == 429 and headers["Retry-After"] == "7"
    assert get(cloud, "/x")[0] == 200
    cloud.misbehave("/x", cut=4000)
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(cloud, "/x")
    assert len(caught.value.partial) == 4000
    cloud.misbehave("/x", flip_etag=1)
    assert get(cloud, "/x")[1]["ETag"] != get(cloud, "/x")[1]["ETag"]
    cloud.misbehave("/x", wrong_range=1)
    assert get(cloud, "/x", Range="bytes=100-")[1]["Content-Range"].startswith("bytes 90-")
    cloud.misbehave("/x", slow=40_000)
    began = time.monotonic()
    assert len(get(cloud, "/x")[2]) == 10_000 and time.monotonic() - began > 0.15
    cloud.misbehave("/x", stall=100)
    with socket.create_connection(("127.0.0.1", cloud.port), 5) as line:
        line.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        line.settimeout(0.3)
        got = b""
        with pytest.raises(TimeoutError):
            while True:
                got += line.recv(65536)
        assert got.endswith(b"\r\n\r\n" + b"0123456789" * 10)


def test_misdeeds_on_the_command_line():
    assert read_misdeed("*.bin:slow=500,times=2") == ("*.bin", {"slow": 500, "times": 2})
    assert read_misdeed("/x:redirect=http://a/b") == ("/x", {"redirect": "http://a/b"})


def test_bytes_of_a_client_that_goes_are_counted(cloud, tmp_path):
    (cloud.folder / "x").write_bytes(bytes(20_000_000))
    cloud.misbehave("/x", slow=2_000_000)
    with socket.create_connection(("127.0.0.1", cloud.port), 5) as line:
        line.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        got = 0
        while got < 300_000:
            got += len(line.recv(65536))
    end = time.monotonic() + 5
    while not (tmp_path / "gets").exists() and time.monotonic() < end:
        time.sleep(0.02)
    sent = int((tmp_path / "gets").read_text().split()[4])
    assert 290_000 <= sent < 2_000_000
