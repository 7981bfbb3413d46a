# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated Waspmotes must fail where the real ones fail, each with its modem's own code: one documented mistake of
a server at a time, and the good cases beside them."""
import contextlib
import hashlib
import re
import socket
import subprocess
import threading

import pytest

IMAGE = bytes((i * 7 + i // 251) % 256 for i in range(20000))
MODEMS = ["wifi", "4g", "gprs", "3g"]
NOTHING = b"FILE:NO_FILE\nPATH:\nSIZE:\nVERSION:\n"
NOTHING_DUE = ["0024", "6", "-69", "-26"]
CRASHED, LOST_POWER = 70, 75


def upgrade(file="PROG001", path="/", size=len(IMAGE), version=11):
    return f"FILE:{file}\nPATH:{path}\nSIZE:{size}\nVERSION:{version}\n".encode()


class Session:
    """One login at the canned server."""

    def __init__(self, server, peer):
        self.server, self.peer = server, peer
        self.folder, self.rest, self.listener, self.active, self.is_deaf = "", 0, None, None, False

    def say(self, text):
        self.peer.sendall(text.encode() + b"\r\n")

    def find(self, path):
        name = "/".join(part for part in (self.folder + "/" + path).split("/") if part)
        return self.server.files.get(name.removeprefix(".gprs/"))

    def open_data(self):
        if self.active:
            return socket.create_connection(self.active)
        return self.listener.accept()[0]

    def send_data(self, content, announced):
        lies = self.server.lies
        self.say("150 Here." if announced is None else f"150 Here ({lies.get('150', announced)} bytes).")
        if self.is_deaf:
            self.say("425 Nobody came.")
            return
        with self.open_data() as data:
            data.sendall(content[:lies.get("cut", len(content))])
        self.rest = 0
        self.say("426 Broken." if "cut" in lies else "226 Done.")

    def on_user(self, _):
        self.server.n_logins += 1
        self.say("331 Password.")

    def on_pass(self, _):
        self.say("530 No." if self.server.n_logins in self.server.lies.get("deny", []) else "230 Hello.")

    def on_cwd(self, path):
        self.folder = path
        self.say("250 There.")

    def on_pasv(self, _):
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.is_deaf = bool(self.server.lies.get("deaf")) and self.server.lies["deaf"].pop()
        if self.is_deaf:
            self.listener.close()
        self.say(f"227 Passive (127,0,0,1,{port >> 8},{port & 255})")

    def on_port(self, argument):
        numbers = [int(number) for number in argument.split(",")]
        self.active = (".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5])
        self.say("200 Fine.")

    def on_rest(self, argument):
        self.rest = int(argument)
        self.say("350 Go on.")

    def on_size(self, path):
        sizes = self.server.lies.get("size", {}).get(path.rsplit("/", maxsplit=1)[-1])
        content = self.find(path)
        if content is None or sizes == []:
            self.say("550 No.")
        else:
            self.say(f"213 {sizes.pop(0) if sizes else len(content)}")

    def on_list(self, path):
        content = self.find(path)
        if content is None:
            self.say("550 No.")
            return
        line = self.server.lies.get("list", "-rw-r--r--   1 root     root     {size:8} Nov 21 10:20 {name}\r\n")
        self.send_data(line.format(size=len(content), name=path).encode(), None)

    def on_retr(self, path):
        content = self.find(path)
        if content is None or self.server.lies.get("retr") == 550:
            self.say("550 No.")
        else:
            self.send_data(content[self.rest:], len(content))

    def run(self):
        self.say("220-Two\r\n220 lines.")
        for line in self.peer.makefile("rb"):
            command = line.decode("latin-1").removesuffix("\n").removesuffix("\r")
            self.server.commands.append(command)
            verb, _, argument = command.partition(" ")
            if verb == "QUIT":
                self.say("221 Bye.")
                return
            known = {"TYPE": lambda _: self.say("200 Fine.")}
            known.get(verb, getattr(self, "on_" + verb.lower(), None))(argument)


class Server:
    """A small FTP server that serves what it is given, and lies where it is told to."""

    def __init__(self, files, **lies):
        self.files, self.lies = files, lies
        self.commands, self.n_logins = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            with peer, contextlib.suppress(OSError):
                Session(self, peer).run()

    def asked(self, *verbs):
        return [command for command in self.commands if command.split(" ")[0] in verbs]


def run(build, modem, text, image=IMAGE, files=None, options=(), **lies):
    files = files if files is not None else {"PROG001": image}
    server = Server({**files, **({} if text is None else {"UPGRADE.TXT": text})}, **lies)
    command = [build / "tests/nodes/fake-waspmote", f"--modem={modem}", "--host=127.0.0.1", f"--port={server.port}",
               "--user=ota", "--password=secret", "--polls=1", "--timeout-ms=500", "--retry-ms=1", "--version=10", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    result.server = server
    return result


def check_code(result, code):
    assert re.search(rf"^waspmote: code {code}(: |$)", result.stdout, re.M), result.stdout
    assert "reset" not in result.stdout


@pytest.mark.parametrize("active", ["yes", "no"])
@pytest.mark.parametrize("modem", MODEMS)
def test_good_update(build, modem, active):
    result = run(build, modem, upgrade(), options=[f"--active={active}"])
    assert f"stored 20000 bytes sha256={hashlib.sha256(IMAGE).hexdigest()}" in result.stdout
    assert "reset, running PROG001 version 11: checkNewProgram 1" in result.stdout and result.returncode == 0
    assert len(result.server.asked("PORT" if active == "yes" else "PASV")) >= 2
    assert not result.server.asked("PASV" if active == "yes" else "PORT")


NAMES = {
    ("wifi", "/"): ["UPGRADE.TXT", "/PROG001"], ("wifi", "/demo/test"): ["UPGRADE.TXT", "/demo/test/PROG001"],
    ("4g", "/"): ["UPGRADE.TXT", "PROG001"], ("4g", "/demo/test"): ["UPGRADE.TXT", "PROG001"],
    ("gprs", "/"): [".gprs/UPGRADE.TXT", ".gprs//PROG001"],
    ("gprs", "/demo/test"): [".gprs/UPGRADE.TXT", ".gprs/demo/test/PROG001"],
    ("3g", "/"): ["UPGRADE.TXT", "PROG001"], ("3g", "/demo/test"): ["UPGRADE.TXT", "/demo/testPROG001"],
}


@pytest.mark.parametrize("modem,path", NAMES)
def test_names_asked_for(build, modem, path):
    files = {"PROG001": IMAGE, "demo/test/PROG001": IMAGE, "demo/testPROG001": IMAGE}
    result = run(build, modem, upgrade(path=path), files=files, options=["--joined"])
    assert [command.removeprefix("RETR ") for command in result.server.asked("RETR")] == NAMES[modem, path]
    assert "running PROG001 version 11" in result.stdout


def test_gprs_changes_the_directory_first(build):
    result = run(build, "gprs", upgrade())
    assert result.server.asked("CWD", "RETR") == ["CWD .gprs", "CWD .gprs", "RETR /UPGRADE.TXT", "CWD .gprs", "CWD .gprs/",
                                                 "CWD .gprs/", "RETR /PROG001", "CWD .gprs/"]


@pytest.mark.parametrize("modem,logins,verbs", [
    ("wifi", 2, ["SIZE", "RETR", "SIZE", "RETR"]), ("4g", 2, ["SIZE", "RETR", "SIZE", "RETR"]),
    ("gprs", 6, ["SIZE", "RETR", "SIZE", "SIZE", "RETR", "SIZE"]), ("3g", 4, ["LIST", "RETR", "LIST", "RETR"])])
def test_logins_and_verbs(build, modem, logins, verbs):
    result = run(build, modem, upgrade())
    assert result.server.n_logins == logins
    assert [command.split(" ")[0] for command in result.server.asked("SIZE", "RETR", "LIST")] == verbs
    assert len(result.server.asked("TYPE")) == logins


# What UPGRADE.TXT holds, and the codes of WiFi, 4G, GPRS and 3G: None = updated, 70 = crashed. The last two have no code
# of the file's own where they ask for a name that is not there.
ABSENT = ("0030", "13", "-94", "-28")
TEXTS = {
    "CRLF": (upgrade().replace(b"\n", b"\r\n"), ("0022", "4", "-94", "-28")),
    "no last LF": (upgrade().removesuffix(b"\n"), (CRASHED,) * 4),
    "blanks": (upgrade().replace(b":", b": "), ("0022", "4", "-94", "-28")),
    "6 characters": (upgrade("PROG01"), ("0022", "4", "-94", "-28")),
    "8 characters": (upgrade("PROG0001"), ("0022", "4", "-94", "-28")),
    "no FILE": (b"PATH:/\nSIZE:20000\nVERSION:11\n", ("0023", "5", "-66", "-23")),
    "no PATH": (b"FILE:PROG001\nSIZE:20000\nVERSION:11\n", ("0025", "7", "-67", "-24")),
    "no SIZE": (b"FILE:PROG001\nPATH:/\nVERSION:11\n", ("0026", "8", None, None)),
    "no VERSION": (b"FILE:PROG001\nPATH:/\nSIZE:20000\n", ("0027", "9", "-68", "-25")),
    "another order": (b"VERSION:11\nSIZE:20000\nFILE:PROG001\nPATH:/\n", (None, None, "-94", "-28")),
    "a comment with a colon": (b"# a:b\n" + upgrade(), (None, None, "-94", "-28")),
    "a comment without": (b"# a b\n" + upgrade(), (None,) * 4),
    "text behind": (upgrade() + b"made by hand: yes\n", (None,) * 4),
    "252 bytes": (upgrade() + b"x" * (251 - len(upgrade())) + b"\n", (None,) * 4),
    "VERSION beyond 252 bytes": (b"FILE:PROG001\nPATH:/\nSIZE:20000\n" + b"x" * 250 + b"\nVERSION:11\n",
                                 ("0027", "9", "-68", "-25")),
    "NO_FILE": (NOTHING, ("0024", "6", "-69", "-26")),
    "NO_FILE alone": (b"FILE:NO_FILE\n", ("0024", "6", "-67", "-24")),
    "NO_FILE without LF": (b"FILE:NO_FILE", (CRASHED,) * 4),
    "the same version": (upgrade(version=10), ("0028", "10", "-70", "-27")),
    "an older version": (upgrade(version=9), ("0028", "10", "-70", "-27")),
    "version 127": (upgrade(version=127), (None,) * 4),
    "version 128": (upgrade(version=128), (None, None, "-70", None)),
    "version 255": (upgrade(version=255), (None, None, "-70", None)),
    "version of 4 characters": (upgrade(version="0011"), (None, None, CRASHED, CRASHED)),
    "SIZE one off": (upgrade(size=20001), ("0029", "11", None, None)),
    "SIZE of 9 digits": (upgrade(size="000020000"), (None,) * 4),
    "SIZE of 10 digits": (upgrade(size="0000020000"), (CRASHED, CRASHED, None, None)),
    "SIZE empty": (upgrade(size=""), ("0029", "11", None, None)),
    "no such image": (upgrade("OTHER01"), ABSENT),
    "empty": (b"", ("0021", "2", "-32", "-19")),
    "missing": (None, ("0021", "2", "-32", "-19")),
}


@pytest.mark.parametrize("modem", MODEMS)
@pytest.mark.parametrize("name", TEXTS)
def test_what_each_makes_of_the_text(build, name, modem):
    text, codes = TEXTS[name]
    code = codes[MODEMS.index(modem)]
    result = run(build, modem, text)
    if code is None:
        assert "reset, running PROG001" in result.stdout and result.returncode == 0
    elif code == CRASHED:
        assert result.returncode == CRASHED and "crashed: " in result.stdout and "loading" not in result.stdout
    else:
        check_code(result, code)
        assert result.returncode == (0 if code in NOTHING_DUE else 1)


@pytest.mark.parametrize("modem", MODEMS)
def test_another_name_always_updates(build, modem):
    result = run(build, modem, upgrade("OTHER01", version=1), files={"OTHER01": IMAGE})
    assert "running OTHER01 version 1" in result.stdout


@pytest.mark.parametrize("modem,code", [("wifi", "0028"), ("4g", None), ("3g", "-27")])
def test_running_255_is_the_end_but_for_4g(build, modem, code):
    result = run(build, modem, upgrade(version=20), options=["--version=255"])
    assert ("running PROG001 version 20" in result.stdout) == (code is None)
    if code:
        check_code(result, code)


# A lie of the server, and the codes.
BEHAVIOURS = {
    "no login": ({"deny": range(1, 100)}, ("0021", "3", "-23", "-21")),
    "no second login": ({"deny": [2]}, ("0030", "26", None, None)),
    "SIZE of the text refused": ({"size": {"UPGRADE.TXT": []}}, ("0021", "2", "-32", None)),
    "SIZE of the text 0": ({"size": {"UPGRADE.TXT": [0] * 9}}, ("0021", "2", "-32", None)),
    "SIZE of the image refused": ({"size": {"PROG001": []}}, ("0030", "13", "-94", None)),
    "SIZE of the image 0": ({"size": {"PROG001": [0] * 9}}, ("0030", "13", "-94", None)),
    "SIZE of the image wrong": ({"size": {"PROG001": [19999] * 9}}, (None, None, "-90", None)),
    "SIZE of the image changes": ({"size": {"PROG001": [20000, 20001] * 3}}, (None, None, "-90", None)),
    "RETR refused": ({"retr": 550}, ("0021", "2", "-26", "-21")),
    "150 says less": ({"150": 40}, ("0021", "2", "-28", "-19")),
    "cut off": ({"cut": 40}, ("0021", "2", "-28", "-19")),
    "LIST without a group": ({"list": "-rw-r--r-- 1 root {size} Nov 21 10:20 {name}\r\n"}, (None, None, None, "-19")),
    "LIST says total first": ({"list": "total 1\r\n"}, (None, None, None, "-19")),
    "LIST of an empty directory": ({"list": ""}, (None, None, None, "-19")),
}


@pytest.mark.parametrize("modem", MODEMS)
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_what_each_makes_of_a_server(build, name, modem):
    lies, codes = BEHAVIOURS[name]
    code = codes[MODEMS.index(modem)]
    lies = {**lies, "size": {key: list(value) for key, value in lies["size"].items()}} if "size" in lies else lies
    result = run(build, modem, upgrade(), **lies)
    if code is None:
        assert "reset, running PROG001 version 11" in result.stdout
    else:
        check_code(result, code)
        assert result.returncode == 1


@pytest.mark.parametrize("modem", ["gprs", "3g"])
def test_three_tries(build, modem):
    result = run(build, modem, upgrade("OTHER01"))
    assert len(result.server.asked("SIZE", "LIST")) == (2 if modem == "gprs" else 1) + 3


@pytest.mark.parametrize("modem,code", [("wifi", None), ("4g", "2")])
def test_only_wifi_tries_a_lost_data_connection_once_more(build, modem, code):
    result = run(build, modem, upgrade(), options=["--active=no"], deaf=[True])
    if code is None:
        assert "reset, running PROG001 version 11" in result.stdout and len(result.server.asked("PASV")) == 3
    else:
        check_code(result, code)


@pytest.mark.parametrize("modem", MODEMS)
def test_resumes_with_rest(build, modem, tmp_path):
    result = run(build, modem, upgrade(), options=["--resume-at=7000", f"--out={tmp_path / 'image'}"])
    assert "REST 7000" in result.server.commands and "running PROG001 version 11" in result.stdout
    assert (tmp_path / "image").read_bytes() == IMAGE


def test_reads_slowly(build):
    result = run(build, "wifi", upgrade(size=900), image=IMAGE[:900], options=["--rate=900"])
    assert "stored 900 bytes" in result.stdout


@pytest.mark.parametrize("lie,said,status", [("die-at-end", "lost power after the last byte", LOST_POWER),
                                             ("die-in-middle", "lost power at 4096 bytes", LOST_POWER),
                                             ("loop", "boot loader failed, running PROG001 version 10", 0)])
@pytest.mark.parametrize("modem", MODEMS)
def test_lies_never_run_the_new_version(build, modem, lie, said, status):
    result = run(build, modem, upgrade(), options=[f"--lie={lie}"])
    assert said in result.stdout and "reset" not in result.stdout and result.returncode == status


@pytest.mark.parametrize("modem,code", [("wifi", "0029"), ("4g", "11"), ("gprs", "-89"), ("3g", "-32")])
def test_refuses_for_its_sd_card(build, modem, code):
    result = run(build, modem, upgrade(), options=["--lie=refuse"])
    check_code(result, code)
    assert "stored 20000 bytes" in result.stdout and result.returncode == 1
