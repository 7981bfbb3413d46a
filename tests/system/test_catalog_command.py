# SPDX-License-Identifier: LGPL-2.1-or-later
"""gatewayctl catalog sign and check: offline, with the exit status that says what to do."""
import hashlib
import json
import subprocess

import pytest

IMAGE = bytes(range(256)) * 32


def document(**changes):
    release = {"product": "pump", "version": "6", "url": "images/6.bin", "size": len(IMAGE),
               "sha256": hashlib.sha256(IMAGE).hexdigest()}
    return {"sequence": 3, "expires": "2100-01-01T00:00:00Z", "releases": [release], **changes}


class Folder:
    def __init__(self, build, path):
        self.ctl, self.path = build / "gatewayd/gatewayctl", path
        (path / "images").mkdir()
        (path / "images/6.bin").write_bytes(IMAGE)
        self.write(document())
        self.make_key("a")

    def make_key(self, name):
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{name}.pem"], cwd=self.path, check=True)
        subprocess.run(["openssl", "pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub"], cwd=self.path,
                       check=True)

    def write(self, value):
        (self.path / "catalog.json").write_text(json.dumps(value))

    def run(self, *words):
        return subprocess.run([self.ctl, "catalog", *words], cwd=self.path, text=True, capture_output=True, timeout=20)

    def sign(self):
        result = self.run("sign", "a.pem", "catalog.json")
        assert result.returncode == 0, result.stderr

    def refuses(self, status, text, *words):
        result = self.run(*words)
        assert result.returncode == status, (result.stdout, result.stderr)
        assert text in result.stderr


@pytest.fixture
def folder(build, tmp_path):
    return Folder(build, tmp_path)


def test_signed_and_checked(folder):
    folder.sign()
    result = folder.run("check", "--key", "a.pub", "--images", ".", "catalog.json")
    assert result.returncode == 0, result.stderr
    assert "pump" in result.stdout and "good" in result.stdout


def test_unsigned_is_shown_but_not_called_good(folder):
    result = folder.run("check", "catalog.json")
    assert result.returncode == 0, result.stderr
    assert "not checked" in result.stdout and "good" not in result.stdout
    folder.refuses(4, "catalog.json.sig", "check", "--key", "a.pub", "catalog.json")


def test_one_changed_byte(folder):
    folder.sign()
    text = (folder.path / "catalog.json").read_text()
    (folder.path / "catalog.json").write_text(text + "\n")
    folder.refuses(9, "signature", "check", "--key", "a.pub", "catalog.json")


def test_another_key(folder):
    folder.sign()
    folder.make_key("b")
    folder.refuses(9, "signature", "check", "--key", "b.pub", "catalog.json")


def test_expired(folder):
    folder.write(document(expires="2020-01-01T00:00:00Z"))
    folder.refuses(9, "expired", "check", "catalog.json")


def test_what_no_gateway_accepts_is_not_signed(folder):
    folder.write(document(sequence=0))
    folder.refuses(2, "sequence", "sign", "a.pem", "catalog.json")
    assert not (folder.path / "catalog.json.sig").exists()


def test_public_key_cannot_sign(folder):
    folder.refuses(2, "a.pub", "sign", "a.pub", "catalog.json")


def test_images_that_differ(folder):
    (folder.path / "images/6.bin").write_bytes(IMAGE[:-1] + b"x")
    folder.refuses(8, "SHA-256", "check", "--images", ".", "catalog.json")
    (folder.path / "images/6.bin").write_bytes(IMAGE[:-1])
    folder.refuses(8, "bytes", "check", "--images", ".", "catalog.json")
    (folder.path / "images/6.bin").unlink()
    folder.refuses(4, "releases[0]", "check", "--images", ".", "catalog.json")


def test_missing_file(folder):
    folder.refuses(4, "nowhere.json", "check", "nowhere.json")
