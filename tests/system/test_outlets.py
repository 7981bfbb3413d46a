# SPDX-License-Identifier: LGPL-2.1-or-later
"""Firmware on another FTP server: what devices read there is whole at every moment, whatever happens to whoever writes."""
import os
import subprocess

import pytest

from ftp_server import FtpServer, Vsftpd, complaint
from gateway import PLUGIN_FOLDERS, wait_for

CONFIG = """[clock]
trust=always
[plugin waspmote]
enabled=no
[plugin harmony]
enabled=no
[outlet meshlium]
type=ftp-publish
host=127.0.0.1
port={port}
user={user}
password-file={password}
stall-timeout=5s
directory={directory}
"""
NOTHING = "FILE:NO_FILE\nPATH:\nSIZE:\nVERSION:\n"


def text_of(name, size, number):
    return f"FILE:{name}\nPATH:/\nSIZE:{size}\nVERSION:{number}\n"


class Site:
    def __init__(self, gateway, folder, server, user="ota"):
        self.folder, self.server = folder, server
        (folder / "password").write_text("secret\n")
        self.gateway = gateway(CONFIG.format(port=server.port, user=user, directory=server.directory, password=folder / "password"))
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/waspmote", "plugins/outlet/ftp-publish"]
        self.gateway.start()
        wait_for("the plugins", lambda: {"waspmote", "ftp-publish"} <= {
            row["name"] for row in self.gateway.rows("plugins")})
        self.gateway.ctl("product", "set", "motes", "--plugin=waspmote")

    def firmware(self, name="PROG001", size=30123, version="one"):
        """Its number, and its bytes."""
        image = os.urandom(size)
        (self.folder / name).write_bytes(image)
        self.gateway.ctl("import", self.folder / name, "--product=motes", f"--version={version}")
        return max(row["id"] for row in self.gateway.rows("firmware")), image

    def publish(self, *words, is_checked=True):
        if words[0].startswith("--firmware"):
            words = (*words, "--unverified")
        return self.gateway.ctl("outlets", "publish", "meshlium", *words, is_checked=is_checked)

    def there(self):
        file = self.server.folder / "UPGRADE.TXT"
        return file.read_text() if file.exists() else None


@pytest.fixture(name="bad")
def fixture_bad(gateway, tmp_path):
    """A site with a server of which everything is to be feared."""
    return Site(gateway, tmp_path, FtpServer(tmp_path / "ftp"))


@pytest.fixture(name="vsftpd")
def fixture_vsftpd(request):
    server = Vsftpd(getattr(request, "param", "8m"))
    yield server
    server.stop()


def test_three_choices_on_vsftpd(gateway, tmp_path, vsftpd):
    """Nothing, a new file, an older one that is there; the text is printed as it lies there."""
    site = Site(gateway, tmp_path, vsftpd, user="anonymous")
    assert site.publish("--nothing").stdout == NOTHING == site.there()
    first, image = site.firmware()
    assert site.publish(f"--firmware={first}").stdout == text_of("PROG001", 30123, 1) == site.there()
    assert (vsftpd.folder / "PROG001").read_bytes() == image
    second, other = site.firmware("PROG002", 100_001, "two")
    assert site.publish(f"--firmware={second}").stdout == text_of("PROG002", 100_001, 2) == site.there()
    assert (vsftpd.folder / "PROG002").read_bytes() == other
    assert site.publish(f"--firmware={first}", "--existing").stdout == text_of("PROG001", 30123, 3) == site.there()
    assert sorted(file.name for file in vsftpd.folder.iterdir()) == ["PROG001", "PROG002", "UPGRADE.TXT"]
    row = site.gateway.json("outlets", "show", "meshlium")
    assert (row["state"], row["number"], row["firmware"], row["text"]) == ("ready", 3, first, site.there())
    events = [event for event in site.gateway.json("events", "--filter=type=outlet.*")["events"]]
    assert len(events) == 4 and all(event["type"] == "outlet.published" and event["who"] for event in events)


def test_numbers_are_remembered_over_a_restart(gateway, tmp_path, vsftpd):
    site = Site(gateway, tmp_path, vsftpd, user="anonymous")
    first, _ = site.firmware()
    site.publish(f"--firmware={first}", "--number=100")
    assert "not above 100" in site.publish(f"--firmware={first}", "--number=100", is_checked=False).stderr
    site.gateway.kill("core")
    wait_for("the core again", lambda: site.gateway.ctl("outlets", is_checked=False).returncode == 0)
    wait_for("the worker", lambda: site.gateway.row("plugins", "name", "ftp-publish"))
    assert "gprs-version" in site.publish(f"--firmware={first}", "--number=128", is_checked=False).stderr
    assert site.publish(f"--firmware={first}", "--existing").stdout == text_of("PROG001", 30123, 101)


def test_the_wrong_login(gateway, tmp_path, vsftpd):
    site = Site(gateway, tmp_path, vsftpd, user="nobody-knows")
    failed = site.publish("--nothing", is_checked=False)
    assert failed.returncode == 2 and "530" in failed.stderr and site.there() is None
    assert "530" in site.gateway.ctl("status").stdout, "until somebody mends it"
    assert "secret" not in site.gateway.logs()


@pytest.mark.parametrize("vsftpd", ["64k"], indirect=True)
def test_a_full_disk(gateway, tmp_path, vsftpd):
    """The older file stays, and so does the text that names it."""
    site = Site(gateway, tmp_path, vsftpd, user="anonymous")
    first, _ = site.firmware(size=20_000)
    before = site.publish(f"--firmware={first}").stdout
    second, _ = site.firmware("PROG002", 200_000, "two")
    failed = site.publish(f"--firmware={second}", is_checked=False)
    assert failed.returncode != 0 and "PROG002" in failed.stderr
    assert site.there() == before and not complaint(vsftpd.folder)


def test_C1_cut_at_every_step(bad):
    """Whoever reads there meanwhile finds what is whole (the server looks after every command), and the next try is."""
    firmwares = [bad.firmware()[0], bad.firmware(size=40_000, version="two")[0]]  # two files of one name
    for firmware in firmwares:
        bad.server.behave()
        bad.publish(f"--firmware={firmware}")
    n_commands = len(bad.server.commands)
    assert n_commands > 15
    for n in range(n_commands):
        bad.server.behave(cut_at=n)
        before = bad.there()
        result = bad.publish(f"--firmware={firmwares[n % 2]}", is_checked=False)
        if result.returncode == 0:
            assert bad.there() == result.stdout
        else:
            assert bad.there() in (before, NOTHING) or n >= n_commands - 3, "the last answers: it was renamed already"
    bad.server.behave()
    third, image = bad.firmware(size=50_000, version="three")
    assert bad.publish(f"--firmware={third}").stdout == bad.there()
    assert (bad.server.folder / "PROG001").read_bytes() == image
    assert bad.server.complaints == []


@pytest.mark.parametrize("behaviour, said", [
    ({"cut_data_at": 10_000}, "PROG002"), ({"room": 10_000}, "452"), ({"room": 0}, "452"),
    ({"lose": 1}, "must have 30000"),
])
def test_a_file_that_does_not_arrive(bad, behaviour, said):
    first, _ = bad.firmware()
    before = bad.publish(f"--firmware={first}").stdout
    second, image = bad.firmware("PROG002", 30_000, "two")
    bad.server.behave(**behaviour)
    failed = bad.publish(f"--firmware={second}", is_checked=False)
    assert failed.returncode != 0 and said in failed.stderr
    assert bad.there() == before and not (bad.server.folder / "PROG002").exists()
    assert bad.gateway.json("outlets", "show", "meshlium")["state"] == "failed"
    bad.server.behave()
    assert bad.publish(f"--firmware={second}").stdout == text_of("PROG002", 30_000, 2)
    assert (bad.server.folder / "PROG002").read_bytes() == image and bad.server.complaints == []


def test_a_server_that_renames_over_no_file(bad):
    first, _ = bad.firmware()
    bad.publish(f"--firmware={first}")
    second, image = bad.firmware(size=5000, version="two")
    bad.server.behave(replaces=False)
    assert bad.publish(f"--firmware={second}").stdout == text_of("PROG001", 5000, 2) == bad.there()
    assert (bad.server.folder / "PROG001").read_bytes() == image and bad.server.complaints == []


def test_an_older_file_that_is_not_there(bad):
    first, _ = bad.firmware()
    assert "PROG001 is not on the server" in bad.publish(f"--firmware={first}", "--existing", is_checked=False).stderr
    (bad.server.folder / "PROG001").write_bytes(b"x" * 30122)
    failed = bad.publish(f"--firmware={first}", "--existing", is_checked=False).stderr
    assert "30122 bytes on the server, and must have 30123" in " ".join(failed.split()) and bad.there() is None


def test_what_is_refused_before_anything_is_sent(bad):
    first, _ = bad.firmware()
    ctl = lambda *words: bad.gateway.ctl("outlets", "publish", *words, is_checked=False)
    assert "has not been proven" in ctl("meshlium", f"--firmware={first}").stderr
    assert "no [outlet elsewhere]" in ctl("elsewhere", "--nothing").stderr
    assert "no firmware" in ctl("meshlium", "--firmware=99").stderr
    assert "say what" in ctl("meshlium").stderr and "say what" in ctl("meshlium", "--nothing", "--firmware=1").stderr
    bad.gateway.ctl("firmware", "reject", first, "--reason=it burns")
    assert "is rejected" in ctl("meshlium", f"--firmware={first}", "--unverified").stderr
    assert bad.server.commands == []


def test_a_worker_that_dies_meanwhile(bad):
    """The command ends, and says what may be there."""
    first, _ = bad.firmware()
    bad.server.behave(is_silent=True)
    call = subprocess.Popen([bad.gateway.build / "gatewayd/gatewayctl", f"--bus={bad.gateway.bus}", "outlets", "publish",
                             "meshlium", f"--firmware={first}", "--unverified"], stderr=subprocess.PIPE, text=True)
    wait_for("it to be under way", lambda: bad.gateway.row("outlets", "name", "meshlium")["state"] == "publishing")
    assert "being published there now" in bad.publish("--nothing", is_checked=False).stderr
    bad.gateway.kill("wan")
    assert "went away" in call.communicate(timeout=20)[1] and call.returncode == 11


def test_a_mistake_in_the_section_is_seen(bad):
    bad.gateway.config.write_text(bad.gateway.config.read_text().replace("stall-timeout=5s", "stall-timeout=often"))
    bad.gateway.ctl("reload")
    wait_for("the objection", lambda: "stall-timeout" in bad.gateway.ctl("status").stdout)
    assert "no such outlet now" in bad.publish("--nothing", is_checked=False).stderr
