# SPDX-License-Identifier: LGPL-2.1-or-later
"""Four emulated Waspmotes, each with its own modem, parser and login, through the real daemons; and what an operator
publishes to them, under which number."""
import ftplib
import hashlib
import re
import subprocess

import pytest

from gateway import Process, wait_for
from site_of_waspmote import IMAGE, FtpSite

MODEMS = ["wifi", "4g", "gprs", "3g"]
SECOND = "PROG002"


class Motes(FtpSite):
    """Success is inferred after a second, and an offer not taken up may be replaced after one, so that the tests need
    not wait half an hour."""

    def __init__(self, build, folder):
        super().__init__(build, folder, more="inference-bytes=1s\npin=1s\n")
        self.build, self.motes = build, {}

    def mote(self, name, *options, version=0):
        self.motes[name] = Process(name, [
            self.build / "tests/nodes/fake-waspmote", "--host=127.0.0.1", f"--port={self.port}", f"--user={name}",
            f"--password={self.passwords[name]}", f"--name={name}", f"--program={IMAGE}", f"--version={version}",
            f"--out={self.folder}/{name}.bin", "--timeout-ms=5000", "--retry-ms=200", *options],
            self.folder / f"{name}.log")
        return self.motes[name]

    def says(self, name, text, seconds=30):
        wait_for(f"{name} to say {text!r}", lambda: text in self.motes[name].text(), seconds)

    def shown(self, node):
        return self.gateway.ctl("node", "offer", node).stdout

    def number(self, node):
        """The VERSION that UPGRADE.TXT says, or None."""
        match = re.search(r"VERSION:(\d+)", self.fetch_text(node))
        return match and int(match[1])

    def refused(self, *words):
        result = self.gateway.ctl(*words, is_checked=False)
        assert result.returncode == 2, result.stdout + result.stderr
        return " ".join(result.stderr.split())

    def bring(self, name, version):
        """One more program in the catalog; its id."""
        data = self.cloud.image(name, 5000)
        path = self.cloud.files / name
        assert path.read_bytes() == data
        text = self.gateway.ctl("import", path, "--product=mote", f"--version={version}").stdout
        return re.search(r"firmware (\d+)", text)[1]

    def stop(self):
        for mote in self.motes.values():
            mote.kill()
        super().stop()


@pytest.fixture(scope="module")
def site(build, tmp_path_factory):
    one = Motes(build, tmp_path_factory.mktemp("motes"))
    try:
        yield one.start().prove()
    finally:
        print(one.gateway.logs()[-20000:])
        one.stop()


@pytest.mark.parametrize("modem", MODEMS)
def test_each_modem_is_updated(site, modem):
    """The text, the image, the reset; then a request without the image, and the gateway infers what became of it."""
    name = f"mote-{modem}"
    site.add_login(name)
    wait_for(f"an offer to {name}", lambda: "FILE:PROG001" in site.shown(name))
    site.mote(name, f"--modem={modem}", "--polls=1000", "--poll-ms=1500")
    site.says(name, f"reset, running {IMAGE} version 2: checkNewProgram 1")
    assert (site.folder / f"{name}.bin").read_bytes() == site.image
    site.says(name, hashlib.sha256(site.image).hexdigest())
    update = wait_for("the update's end", lambda: site.update(name)["state"] == "succeeded" and site.update(name), 30)
    assert update["inferred"]
    assert site.gateway.row("nodes", "id", name)["version"] == "2"
    assert site.gateway.row("nodes", "id", name)["identity"] == "credential"
    site.motes[name].kill()


def test_C1_the_same_image_across_logins_and_crashes(site):
    """What the text promised is served at the next login, whatever died in between."""
    text = site.add("pinned")
    site.gateway.kill("core")
    site.gateway.kill("lan")
    wait_for("the gateway to be back", lambda: site.gateway.ctl("status", is_checked=False).returncode == 0)
    wait_for("port of FTP", site.answers)
    parts = []

    def again():
        try:
            with site.login("pinned") as ftp:
                assert ftp.size(IMAGE) == len(site.image)
                parts.clear()
                ftp.retrbinary(f"RETR {IMAGE}", parts.append)
            return True
        except ftplib.error_temp:
            return False
    wait_for("the login", again)
    assert b"".join(parts) == site.image
    assert f"SIZE:{len(site.image)}\n" in text and site.fetch_text("pinned") == text


def test_U7_numbers_of_waspmotes(site):
    """The next is taken, the last is asked for by name, and what is shown is what the node reads."""
    firmware = site.bring(SECOND, "second")
    site.add("numbers")
    assert site.number("numbers") == 2
    push = ["push", "--firmware", firmware, "numbers"]
    assert "--override=last-version" in site.refused(*push, "--number=255")
    assert "1 to 255" in site.refused(*push, "--number=256", "--override=last-version")
    assert "jumps to 254" in site.refused(*push, "--number=254")
    assert "not above 2" in site.refused(*push, "--number=2")
    assert "published as number 3" in site.gateway.ctl(*push).stdout
    wait_for("the offer not taken up to lapse", lambda: SECOND in site.shown("numbers"))
    shown = site.shown("numbers")
    assert shown == f"FILE:{SECOND}\nPATH:/\nSIZE:5000\nVERSION:3\n"
    assert wait_for("the new text", lambda: site.fetch_text("numbers") == shown)
    site.gateway.ctl(*push, "--number=255", "--override=last-version")
    assert wait_for("the last one", lambda: site.number("numbers") == 255)


def test_U7_a_gprs_mote_limits_its_group(site):
    firmware = site.bring("PROG003", "third")
    site.add_login("group-gprs")
    with site.login("group-gprs") as ftp:
        ftp.retrbinary("RETR .gprs/UPGRADE.TXT", lambda part: None)
    text = site.refused("push", "--firmware", firmware, "group-gprs", "--number=128")
    assert "GPRS" in text and "--override=gprs-version" in text
    site.gateway.ctl("push", "--firmware", firmware, "group-gprs", "--number=126")


def test_U3_an_older_program_is_a_downgrade(site):
    newer = site.bring("PROG004", "fourth")
    site.add_login("back")
    site.gateway.ctl("push", "--firmware", newer, "back")
    wait_for("the newer one", lambda: "FILE:PROG004" in site.fetch_text("back"))
    assert "gatewayctl downgrade" in site.refused("push", "--firmware", site.firmware, "back")
    site.gateway.ctl("downgrade", "--firmware", site.firmware, "back")
    wait_for("the older one", lambda: f"FILE:{IMAGE}" in site.fetch_text("back"))
    assert site.number("back") == 2


def test_names_are_those_of_the_ide(site):
    for name in ("PROG01", "PROG0001", "PROG-01"):
        (site.folder / name).write_bytes(b"x" * 100)
        assert "7 letters" in site.refused("import", site.folder / name, "--product=mote", f"--version={name}")


def test_K1_a_login_ends_in_its_middle(site):
    site.add("revoked")
    with site.login("revoked") as ftp:
        ftp.size("UPGRADE.TXT")
        site.gateway.ctl("node", "credential", "revoked", "--revoke")
        with pytest.raises(ftplib.error_perm, match="530"):
            ftp.retrbinary(f"RETR {IMAGE}", lambda part: None)
    for user, password in (("revoked", site.passwords["revoked"]), ("ota", "libelium"), ("anonymous", "a@b")):
        with site.connect(source="127.0.0.77") as ftp, pytest.raises(ftplib.error_perm, match="530"):
            ftp.login(user, password)


def test_K1_the_shared_login(site):
    """For named nodes at their addresses; two behind one address are a group."""
    for name, address in (("old-1", "127.0.0.11"), ("old-2", "127.0.0.12"), ("old-3", "127.0.0.12")):
        site.gateway.ctl("nodes", "set", name, "--product=mote", f"--address={address}")
    command = [site.build / "gatewayd/gatewayctl", f"--bus={site.gateway.bus}", "accounts", "set", "ota",
               "--node=old-1", "--node=old-2", "--node=old-3", "--expires=90d"]
    result = subprocess.run(command, input="libelium\n", capture_output=True, text=True, timeout=30, check=True)
    assert "known to many" in " ".join(result.stderr.split())

    def read(address):
        parts = []
        with site.connect(source=address) as ftp:
            ftp.login("ota", "libelium")
            ftp.retrbinary("RETR UPGRADE.TXT", parts.append)
        return b"".join(parts).decode()
    for address, node in (("127.0.0.11", "old-1"), ("127.0.0.12", "ota@127.0.0.12")):
        wait_for(f"an offer at {address}", lambda address=address: f"FILE:{IMAGE}" in read(address))
        assert read(address) == site.shown(node)
    assert site.gateway.json("nodes", "show", "ota@127.0.0.12")["group"]
    with site.connect(source="127.0.0.13") as ftp, pytest.raises(ftplib.error_perm, match="530"):
        ftp.login("ota", "libelium")


def test_three_members_of_a_group_at_once(site):
    """They share a login and a pin: none waits for the others, each download is counted, and none is claimed of a node."""
    names = [f"member-{number}" for number in range(3)]
    for name in names:
        site.gateway.ctl("nodes", "set", name, "--product=mote", "--address=127.0.0.21")
    subprocess.run([site.build / "gatewayd/gatewayctl", f"--bus={site.gateway.bus}", "accounts", "set", "ota3",
                    *(f"--node={name}" for name in names), "--expires=90d"], input="libelium\n", text=True, timeout=30,
                   capture_output=True, check=True)
    site.passwords["ota3"] = "libelium"
    group = "ota3@127.0.0.21"

    def text():
        parts = []
        with site.login("ota3", source="127.0.0.21") as ftp:
            ftp.retrbinary("RETR UPGRADE.TXT", parts.append)
        return b"".join(parts).decode()
    wait_for("an offer to the group", lambda: f"FILE:{IMAGE}" in text())
    logins = [site.login("ota3", source="127.0.0.21") for _ in names]
    streams = [ftp.transfercmd(f"RETR {IMAGE}") for ftp in logins]  # the third, too, while two are under way
    for ftp, stream in zip(logins, streams):
        assert b"".join(iter(lambda stream=stream: stream.recv(65536), b"")) == site.image
        stream.close()
        assert ftp.voidresp().startswith("226")
        ftp.close()

    def counted():
        return len(site.gateway.json("events", "--after=0", f"--filter=node={group}",
                                     "--filter=type=update.downloaded-by-member")["events"])
    wait_for("three downloads", lambda: counted() == 3)
    assert site.update(group)["state"] == "offered"
    assert not any(site.update(name) for name in names)


def test_codes_are_explained(site):
    codes = site.gateway.json("plugins", "show", "waspmote")["codes"]
    assert {row["group"] for row in codes} == set(MODEMS)
    for row in codes[::20]:
        text = site.gateway.ctl("code", f"waspmote:{row['group']}", row["code"]).stdout
        assert row["meaning"][:30] in " ".join(text.split())
    for group, code in (("gprs", "-70"), ("wifi", "0028"), ("4g", "10"), ("3g", "-27")):
        text = site.gateway.ctl("code", f"waspmote:{group}", code).stdout
        assert code in text and "version" in text
