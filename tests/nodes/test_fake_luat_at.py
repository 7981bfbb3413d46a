# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated Air720 on a serial line must fail where the real one does, and say so as it does."""
import os
import pty
import re
import subprocess
import tty

import pytest

from http_replies import Canned, bootable, reply

IMAGE = bootable(b"LUAT", "AirM2M_720_V9999_LTE_AT_NAND", 5000)


class Module:
    def __init__(self, build, *options):
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.process = subprocess.Popen([build / "tests/nodes/fake-luat-at", f"--fd={theirs}", "--stall-ms=20000", *options],
                                        stdout=subprocess.PIPE, text=True, pass_fds=[theirs])
        os.close(theirs)
        self.heard = ""

    def send(self, text):
        os.write(self.ours, text.encode() + b"\r")

    def hear(self, pattern):
        """Up to and with the first match."""
        while not (found := re.search(pattern, self.heard)):
            self.heard += os.read(self.ours, 4096).decode()
        self.heard = self.heard[found.end():]
        return found

    def fetch(self, url):
        self.send(f'AT+UPGRADE="URL","{url}"')
        self.hear("OK")
        self.send("AT+UPGRADE")
        self.hear("OK")

    def end(self):
        """What it printed."""
        if self.process.poll() is None:
            self.process.kill()
            os.close(self.ours)
            self.printed = self.process.communicate()[0]
        return self.printed


@pytest.fixture
def module(build):
    started = []

    def start(*options):
        started.append(Module(build, *options))
        return started[-1]
    yield start
    for one in started:
        one.end()


def test_it_fetches_and_restarts(module):
    one = module()
    server = Canned(reply("200 OK", IMAGE))
    one.fetch(f"http://127.0.0.1:{server.port}/openluat/x.bin")
    one.hear(r"\+UPGRADEIND: 100")
    assert one.hear(r'\+UPGRADEVER: "(.*?)"')[1] == "AirM2M_720_V9999_LTE_AT_NAND"
    one.hear(r"\+UPGRADEVER: 0")
    assert server.requests[0].startswith(b"GET /openluat/x.bin HTTP/1.1\r\n") and b"Range" not in server.requests[0]


@pytest.mark.parametrize("said,expected", [
    (reply("400 Bad Request", b'{"code": 27, "msg": "x"}'), "-1004,400,27"),
    (reply("404 Not Found"), "-1004,404,0"),
    (reply("200 OK", b"no program"), "-1003,200,0"),
    (reply("200 OK", IMAGE[:4000], length=5000), "-1001,200,0"),
    (reply("200 OK", IMAGE, length="none"), "-1001,200,0"),
])
def test_what_it_cannot_use(module, said, expected):
    one = module()
    server = Canned(said)
    one.fetch(f"http://127.0.0.1:{server.port}/x.bin")
    one.hear(r"\+UPGRADEIND: -1")
    one.send("AT+UPGRADE?")
    assert one.hear(r"\+UPGRADE: 2,(.*)\r\n\r\nOK")[1] == expected
    assert "running version" not in one.end()


@pytest.mark.parametrize("url,error", [("ftp://127.0.0.1/x.bin", -1000), ("http://127.0.0.1:1/x.bin", -1002)])
def test_urls_that_lead_nowhere(module, url, error):
    one = module()
    one.fetch(url)
    assert one.hear(r"\+UPGRADEIND: (-\d+)")[1] == str(error)


def test_no_room(module):
    one = module("--lie=full")
    server = Canned(reply("200 OK", IMAGE))
    one.fetch(f"http://127.0.0.1:{server.port}/x.bin")
    assert one.hear(r"\+UPGRADEIND: (-\d+)")[1] == "-1005"


def test_one_that_comes_back_with_the_old_version(module):
    one = module("--lie=loop")
    server = Canned(reply("200 OK", IMAGE))
    one.fetch(f"http://127.0.0.1:{server.port}/x.bin")
    assert one.hear(r'\+UPGRADEVER: "(.*?)"')[1] == "AirM2M_720_V422_LTE_AT"


def test_what_it_says_of_itself(module):
    one = module()
    for command, said in (("AT+CGSN", "866888020000001"), ("AT+CGMR", r'\+CGMR: "AirM2M_720_V422_LTE_AT"'),
                          ("AT+UPGRADE?", r"\+UPGRADE: 0\r"), ("AT+NONE", "ERROR")):
        one.send(command)
        one.hear(said)
