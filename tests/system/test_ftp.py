# SPDX-License-Identifier: LGPL-2.1-or-later
"""The FTP door with real clients of all kinds, and with those who mean no good."""
import ftplib
import shutil
import socket
import subprocess
import time

import pytest

from gateway import wait_for

HALF = 40_000  # what is there already where a download is resumed
PASSIVE, ACTIVE, EXTENDED = "passive", "active", "extended"


@pytest.fixture(scope="module")
def ftp_site(build, tmp_path_factory):
    from site_of_waspmote import FtpSite
    one = FtpSite(build, tmp_path_factory.mktemp("ftp"))
    try:
        yield one.start().prove()
    finally:
        print(one.gateway.logs()[-20000:])
        one.stop()


# ---- real clients: each returns its command and what it reads from its standard input


def curl(job):
    modes = {PASSIVE: ["--disable-epsv"], EXTENDED: [], ACTIVE: ["--ftp-port", "-"] + ["--disable-eprt"] * job.is_ipv4}
    return ["curl", "-sS", "--max-time", "20", *modes[job.mode], *(["-C", "-"] if job.is_resumed else []),
            "--user", f"{job.node}:{job.password}", "-o", job.out, f"ftp://{job.url_host}:{job.port}/{job.name}"], ""


def wget(job):
    mode = ["--no-passive-ftp"] if job.mode == ACTIVE else []
    return ["wget", "-q", "--tries=1", "--timeout=20", *mode, *(["-c"] if job.is_resumed else []), f"--user={job.node}",
            f"--password={job.password}", "-O", job.out, f"ftp://{job.url_host}:{job.port}/{job.name}"], ""


def lftp(job):
    commands = ["set net:max-retries 1", "set net:timeout 20", "set ftp:ssl-allow no",
                f"set ftp:passive-mode {'no' if job.mode == ACTIVE else 'yes'}",
                f"set ftp:prefer-epsv {'yes' if job.mode == EXTENDED else 'no'}",
                f"get {'-c' if job.is_resumed else ''} {job.name} -o {job.out}", "bye"]
    return ["lftp", "-u", f"{job.node},{job.password}", "-p", str(job.port), "-e", "; ".join(commands), job.host], ""


def tnftp(job):
    mode = {PASSIVE: "passive on\nepsv4 off", ACTIVE: "passive off\nepsv4 off", EXTENDED: "passive on"}[job.mode]
    get = "reget" if job.is_resumed else "get"
    script = (f"user {job.node} {job.password}\nbinary\n{mode}\nlcd {job.folder}\n"
              f"{get} {job.name} {job.out.name}\nbye\n")
    return ["tnftp", "-n", "-i", "-q", "20", job.host, str(job.port)], script


def inetutils(job):
    mode = {PASSIVE: "epsv4 off", ACTIVE: "epsv4 off", EXTENDED: "epsv4 on"}[job.mode] if job.knows_epsv4 else ""
    get = "reget" if job.is_resumed else "get"
    script = f"user {job.node} {job.password}\nbinary\n{mode}\nlcd {job.folder}\n{get} {job.name} {job.out.name}\nbye\n"
    return ["inetutils-ftp", "-n", "-i", "-A" if job.mode == ACTIVE else "-p", job.host, str(job.port)], script


def ncftpget(job):
    return ["ncftpget", "-t", "20", "-r", "0", "-V", "-E" if job.mode == ACTIVE else "-F",
            "-z" if job.is_resumed else "-Z", "-u", job.node, "-p", job.password, "-P", str(job.port), job.host,
            job.folder, job.name], ""


def busybox_ftpget(job):
    return ["busybox", "ftpget", *(["-c"] if job.is_resumed else []), "-u", job.node, "-p", job.password, "-P",
            str(job.port), job.host, job.out, job.name], ""


def busybox_wget(job):
    return ["busybox", "wget", "-q", *(["-c"] if job.is_resumed else []), "-O", job.out,
            f"ftp://{job.node}:{job.password}@{job.url_host}:{job.port}/{job.name}"], ""


CLIENTS = {client.__name__: client for client in
           (curl, wget, lftp, tnftp, inetutils, ncftpget, busybox_ftpget, busybox_wget)}
# Client, mode, how far: only what the client can do at all.
JOBS = [(name, mode, address, is_resumed)
        for name, modes, addresses in [
            ("curl", [PASSIVE, ACTIVE, EXTENDED], ["127.0.0.1", "::1"]),
            ("wget", [PASSIVE, ACTIVE], ["127.0.0.1", "::1"]),
            ("lftp", [PASSIVE, ACTIVE, EXTENDED], ["127.0.0.1", "::1"]),
            ("tnftp", [PASSIVE, ACTIVE, EXTENDED], ["127.0.0.1", "::1"]),
            ("inetutils", [PASSIVE, ACTIVE], ["127.0.0.1", "::1"]),
            ("ncftpget", [PASSIVE, ACTIVE], ["127.0.0.1"]),
            ("busybox_ftpget", [PASSIVE], ["127.0.0.1", "::1"]),
            ("busybox_wget", [PASSIVE], ["127.0.0.1", "::1"])]
        for mode in modes for address in addresses for is_resumed in (False, True)
        if not (mode == PASSIVE and address == "::1" and EXTENDED in modes)]


class Job:
    knows_epsv4 = False

    def __init__(self, site, node, name, folder, case):
        _, self.mode, self.host, self.is_resumed = case
        self.node, self.password, self.port, self.name, self.folder = node, site.passwords[node], site.port, name, folder
        self.is_ipv4 = self.host == "127.0.0.1"
        self.url_host = self.host if self.is_ipv4 else f"[{self.host}]"
        self.out = folder / name

    def run(self, client):
        command, script = client(self)
        result = subprocess.run([str(word) for word in command], input=script, capture_output=True, text=True,
                                timeout=60, cwd=self.folder)
        assert self.out.exists(), f"{command}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return self.out.read_bytes()


@pytest.mark.parametrize("case", JOBS, ids=lambda case: "-".join(
    [case[0], case[1], "6" if ":" in case[2] else "4", *(["resumed"] if case[3] else [])]))
def test_L10_clients_fetch_identical_files(ftp_site, tmp_path, case):
    client = CLIENTS[case[0]]
    command = client.__name__.split("_")[0].replace("inetutils", "inetutils-ftp")
    if not shutil.which(command):
        pytest.fail(f"{command} is not installed", pytrace=False)
    node = "mote-" + case[0].replace("_", "-") + f"-{JOBS.index(case)}"
    upgrade = ftp_site.add(node)
    if not case[3]:
        assert Job(ftp_site, node, "UPGRADE.TXT", tmp_path, case).run(client).decode() == upgrade
    else:
        (tmp_path / "PROG001").write_bytes(ftp_site.image[:HALF])
    assert Job(ftp_site, node, "PROG001", tmp_path, case).run(client) == ftp_site.image
    if not case[3]:
        wait_for("the download to be known", lambda: ftp_site.update(node)["state"] == "downloaded")


# ---- those who mean no good


class Raw:
    """A control connection, byte by byte."""

    def __init__(self, site, node=None, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", site.port), timeout=20, source_address=(source, 0))
        self.file = self.socket.makefile("rb")
        assert self.reply() == 220
        if node:
            assert self.ask(f"USER {node}") == 331
            assert self.ask(f"PASS {site.passwords[node]}") == 230

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The code of the next whole reply; 0 = the other side closed."""
        while True:
            line = self.file.readline()
            self.text = line.decode(errors="replace")
            if not line or line[3:4] == b" ":
                return int(line[:3] or 0)

    def ask(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def fetch(self, name):
        assert self.ask("EPSV") == 229
        port = int(self.text.split("|")[3])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as data:
            code = self.ask(f"RETR {name}")
            if code != 150:
                return code
            parts = []
            while part := data.recv(65536):
                parts.append(part)
        assert self.reply() == 226
        return b"".join(parts)

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture(scope="module")
def bad_node(ftp_site):
    ftp_site.upgrade = ftp_site.add("bad-mote")
    return "bad-mote"


@pytest.fixture
def raw(ftp_site, bad_node):
    """Whatever was tried: afterwards the session goes on as if nothing had been."""
    one = Raw(ftp_site, bad_node)
    assert one.ask("PWD") == 257
    before = one.text
    yield one
    assert one.ask("PWD") == 257 and one.text == before
    assert one.fetch("UPGRADE.TXT").decode() == ftp_site.upgrade
    assert one.ask("QUIT") == 221 and one.reply() == 0
    one.close()


WRITES = ["STOR {}", "STOU", "APPE {}", "DELE {}", "RMD .gprs", "MKD x", "XMKD x", "XRMD .gprs", "RNFR {}", "RNTO x",
          "ALLO 10", "SITE CHMOD 777 {}", "SITE EXEC ls", "SMNT /", "MFMT 20260101000000 {}", "MFF x; {}", "HOST x",
          "LANG x", "OPTS UTF8 ON", "STAT {}", "HELP", "AUTH TLS", "PBSZ 0", "PROT P", "CCC", "REIN", "ACCT x", "MLSD",
          "XCUP", "CLNT x"]


def test_L9_write_commands(raw):
    for line in WRITES:
        for name in ("UPGRADE.TXT", "PROG001", "/etc/passwd"):
            assert 500 <= raw.ask(line.format(name)) <= 599, line


def test_L9_globbing(raw):
    for verb in ("RETR", "LIST", "NLST", "SIZE", "MDTM", "CWD"):
        for name in ("*", "UPGRADE.*", "?PGRADE.TXT", "[U]PGRADE.TXT", "{UPGRADE.TXT,PROG001}", "*/../*/../*", "~",
                     "~root", "*" * 200, "/*/*/*/*/*/*/*/*"):
            if verb in ("RETR", "LIST", "NLST"):
                assert raw.ask("EPSV") == 229
            assert 500 <= raw.ask(f"{verb} {name}") <= 599, (verb, name)


def test_L9_before_the_login(ftp_site):
    for state in ([], ["USER bad-mote"], ["USER bad-mote", "USER x"]):
        one = Raw(ftp_site)
        for line in state:
            assert one.ask(line) == 331
        for line in ("RETR UPGRADE.TXT", "SIZE PROG001", "LIST", "PASV", "EPSV", "PORT 127,0,0,1,200,200", "PWD",
                     "CWD /", "TYPE I", "REST 1", "SYST", "FEAT", "NOOP", *WRITES):
            assert one.ask(line.format("UPGRADE.TXT")) == 530, line
        assert one.ask("QUIT") == 221
        one.close()


def test_L9_endless_lines(raw):
    for size in (513, 600, 5000, 200_000):
        raw.send(b"A" * size)
        raw.send(b"\r\nNOOP\r\n")
        assert raw.reply() == 500
        assert raw.reply() == 200
    raw.send(b"RETR " + b"/" * 600 + b"etc/passwd\r\n")
    assert raw.reply() == 500


def test_L9_telnet_escapes(raw):
    for line in (b"\xff\xf4\xff\xf2NOOP\r\n", b"NO\xff\xfb\x01OP\r\n", b"\xff\xfa\x18\x00xterm\xff\xf0NOOP\r\n"):
        raw.send(line)
        assert raw.reply() in (200, 500, 502), line
    for line in (b"NO\x00OP\r\n", b"\xff\xff\xff\xff\r\n", b"\x1b[2JNOOP\r\n", b"\x80\x81\r\n", b"\r\n", b"\n"):
        raw.send(line)
        assert 500 <= raw.reply() <= 599, line


def test_L9_pipelining(raw, ftp_site):
    commands = [("NOOP", 200), ("STOR x", 502), ("TYPE I", 200), ("SIZE UPGRADE.TXT", 213), ("RETR nothing", 425),
                ("PWD", 257), ("SIZE nothing", 550), ("SYST", 215)]
    raw.send(b"".join(line.encode() + b"\r\n" for line, _ in commands))
    assert [raw.reply() for _ in commands] == [code for _, code in commands]
    for byte in b"".join(line.encode() + b"\r\n" for line, _ in commands):
        raw.send(bytes([byte]))
    assert [raw.reply() for _ in commands] == [code for _, code in commands]
    one = Raw(ftp_site, "bad-mote")
    one.send(b"NOOP\r\n" * 200 + b"RETR")  # more than anybody keeps: it answers, or it shows him out
    codes = []
    one.socket.shutdown(socket.SHUT_WR)
    while code := one.reply():
        codes.append(code)
    assert set(codes) <= {200, 421}
    one.close()


SPELLINGS = ["../../etc/passwd", "/etc/passwd", "//etc//passwd", "/../../../../etc/passwd", "....//....//etc/passwd",
             ".gprs/../../etc/passwd", ".gprs/../UPGRADE.TXT/../../etc/passwd", "%2e%2e/etc/passwd", "..\\..\\etc\\passwd",
             "/proc/self/environ", "UPGRADE.TXT/..", "./UPGRADE.TXT/../../x", "gatewayd.conf", "/./././etc/./passwd",
             "..", ".", "/", "", "UPGRADE.TXT/", "UPGRADE.TXT ", "upgrade.txt.", "\u202eTXT.EDARGPU"]


def test_L7_only_published_names_open_by_ftp(raw):
    for name in SPELLINGS:
        if name.strip() == "UPGRADE.TXT":
            continue
        result = raw.fetch(name)
        assert result in (501, 550) or b"root:" not in result and result.startswith(b"FILE:"), (name, result)
        assert raw.ask(f"SIZE {name}") in (213, 501, 550)
        assert "root" not in raw.text


def test_L8_nobody_else_is_served_or_dialled(raw, ftp_site):
    with socket.create_server(("127.0.0.2", 0)) as victim:
        port = victim.getsockname()[1]
        victim.settimeout(1)
        for line in (f"PORT 127,0,0,2,{port >> 8},{port & 255}", f"EPRT |1|127.0.0.2|{port}|", "PORT 127,0,0,1,0,22",
                     "EPRT |1|127.0.0.1|1023|", f"EPRT |2|::1|{port}|", f"EPRT |1|127.0.0.1|{65536 + port}|"):
            assert 500 <= raw.ask(line) <= 599, line
            assert raw.ask("RETR UPGRADE.TXT") == 425
        with pytest.raises(TimeoutError):
            victim.accept()
    assert raw.ask("EPSV") == 229
    port = int(raw.text.split("|")[3])
    with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.3", 0), timeout=20) as thief:
        assert thief.recv(100) == b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as own:
        assert raw.ask("RETR UPGRADE.TXT") == 150
        assert own.recv(1000).decode() == ftp_site.upgrade
    assert raw.reply() == 226


def test_L4_wrong_passwords_are_answered_late(ftp_site, bad_node):
    one, began = Raw(ftp_site, source="127.0.0.77"), time.monotonic()
    for _ in range(2):
        assert one.ask(f"USER {bad_node}") == 331
        assert one.ask("PASS canary-4711") == 530
    assert time.monotonic() - began >= 3  # a second, then two
    one.close()
    began = time.monotonic()
    ftp_site.login(bad_node, source="127.0.0.78").close()
    assert time.monotonic() - began < 1
    with pytest.raises(ftplib.all_errors):
        ftp_site.connect(source="127.0.0.79").login("anonymous", "me@example.org")
    assert "canary-4711" not in ftp_site.gateway.logs()
    assert not any(password in ftp_site.gateway.logs() for password in ftp_site.passwords.values())


def test_slow_data_connection_survives_the_core(ftp_site):
    """The core goes in the middle of a download: the bytes go on, and it learns of them when it is back."""
    ftp_site.add("mote-slow")
    with ftp_site.login("mote-slow") as ftp:
        data, size = ftp.ntransfercmd("RETR PROG001")
        assert size == len(ftp_site.image)
        received = data.recv(1000)
        ftp_site.gateway.kill("core")
        while part := data.recv(65536):
            received += part
        data.close()
        assert received == ftp_site.image
        assert ftp.voidresp().startswith("226")
    wait_for("the core", lambda: ftp_site.gateway.ctl("status", is_checked=False).returncode == 0)
    wait_for("the download to be known", lambda: ftp_site.update("mote-slow")["state"] == "downloaded")


def test_node_that_fetches_for_ever_fails(ftp_site):
    """Each time that it wants all of it again an attempt has failed; after the last there is nothing for it."""
    ftp_site.add("mote-loops")
    core = ftp_site.gateway.processes["core"].pid
    for expected in ("226", "226", "226", "550"):
        with ftp_site.login("mote-loops") as ftp:
            try:
                assert ftp.retrbinary("RETR PROG001", lambda part: None)[:3] == expected
            except ftplib.error_perm as error:
                assert str(error)[:3] == expected
    assert ftp_site.update("mote-loops")["state"] == "failed"
    assert "FILE:NO_FILE\n" in ftp_site.fetch_text("mote-loops")
    assert ftp_site.gateway.processes["core"].pid == core
