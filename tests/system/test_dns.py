# SPDX-License-Identifier: LGPL-2.1-or-later
"""gatewayctl dns: entries that name servers take as they are, and the check of what a name server says."""
import contextlib
import socket
import struct
import subprocess

import pytest
from ctl_fake import Bus, FakeGateway
from gateway import free_port, wait_for

A, AAAA = 1, 28
GADGET = """({'name': <'gadget'>, 'hosts': <[{'name': <'fw.gadget.example'>, 'port': <uint16 80>, 'help': <'its updates'>},
 {'name': <'api.gadget.example'>, 'port': <uint16 80>, 'help': <'its registration'>}]>},)"""
WIDGET = "({'name': <'widget'>, 'hosts': <[{'name': <'fw.gadget.example'>, 'port': <uint16 80>}]>},)"
PLAIN = "({'name': <'plain'>},)"
NAMES = ["fw.gadget.example", "api.gadget.example"]


@pytest.fixture(name="bus", scope="module")
def fixture_bus(tmp_path_factory):
    bus = Bus(tmp_path_factory.mktemp("bus"))
    yield bus
    bus.stop()


@pytest.fixture(name="fake")
def fixture_fake(build, tmp_path, bus):
    fake = FakeGateway(build, tmp_path, bus)
    fake.answer("list:plugins", "([{'name': <'gadget'>}, {'name': <'widget'>}, {'name': <'plain'>}], '', uint32 3)")
    fake.answer("get:plugins:gadget", GADGET).answer("get:plugins:widget", WIDGET).answer("get:plugins:plain", PLAIN)
    fake.start()
    yield fake
    fake.stop()


def question(name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def ask(port, name, kind):
    """(result code, how many answers), or None while nobody is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.settimeout(2)
        server.connect(("127.0.0.1", port))
        try:
            server.send(question(name, kind))
            reply = server.recv(512)
        except OSError:
            return None
    return reply[3] & 15, struct.unpack(">H", reply[6:8])[0]


@contextlib.contextmanager
def dnsmasq(folder, lines, upstream=None):
    """The port of a name server with these lines of configuration."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    (folder / f"{port}.conf").write_text(lines)
    more = [f"--server=127.0.0.1#{upstream}"] if upstream else []
    server = subprocess.Popen(
        ["dnsmasq", f"--conf-file={folder / f'{port}.conf'}", f"--port={port}", "--keep-in-foreground", "--no-resolv",
         "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root", "--pid-file=", *more],
        stderr=subprocess.DEVNULL)
    try:
        wait_for("the name server", lambda: ask(port, "nobody.example", A))
        yield port
    finally:
        server.kill()
        server.wait()


def test_all_entries_at_once(fake):
    """Each name once, each format under a heading of its own."""
    shown = fake.ctl("dns", "--address=192.0.2.7").stdout
    for line in ("# dnsmasq:", "host-record=fw.gadget.example,192.0.2.7", "# unbound:", "server:",
                 "# hosts:", "192.0.2.7 api.gadget.example", "# gadget: its updates"):
        assert line in shown
    assert shown.count("host-record=fw.gadget.example") == 1


def test_one_plugin(fake):
    assert "api.gadget" not in fake.ctl("dns", "widget", "--address=192.0.2.7").stdout
    nothing = fake.ctl("dns", "plain", "--address=192.0.2.7")
    assert nothing.stdout == "" and "told its address" in nothing.stderr
    assert [row["name"] for row in fake.json("dns", "--address=192.0.2.7")["names"]] == NAMES


def test_bad_words(fake):
    assert "expected dnsmasq, unbound or hosts" in fake.ctl("dns", "--format=bind", status=2).stderr
    assert "expected an IPv4 address" in fake.ctl("dns", "--address=gateway", status=2).stderr
    assert "expected the IPv4 address" in fake.ctl("dns", "check", "--server=[::1]", status=2).stderr


def test_dnsmasq_takes_them(fake, tmp_path):
    """And an IPv6 address of the name's real owner does not come through."""
    lines = fake.ctl("dns", "--address=192.0.2.7", "--format=dnsmasq").stdout
    with dnsmasq(tmp_path / "owner", "address=/gadget.example/2001:db8::1\naddress=/gadget.example/198.51.100.1\n") as owner, \
            dnsmasq(tmp_path / "site", lines, owner) as site:
        assert ask(owner, NAMES[0], AAAA) == (0, 1)
        for name in NAMES:
            assert ask(site, name, A) == (0, 1)
            assert ask(site, name, AAAA) == (0, 0)
        assert ask(site, "www.gadget.example", A) == (0, 1), "other names are still their owner's"
        fake.ctl("dns", "check", "--address=192.0.2.7", f"--server=127.0.0.1:{site}")


def test_unbound_takes_them(fake, tmp_path):
    port = free_port()
    config = tmp_path / "unbound.conf"
    config.write_text(fake.ctl("dns", "--address=192.0.2.7", "--format=unbound").stdout + f"""
    interface: 127.0.0.1
    port: {port}
    do-daemonize: no
    username: ""
    chroot: ""
    use-syslog: no
    pidfile: ""
""")
    subprocess.run(["unbound-checkconf", config], check=True, capture_output=True)
    server = subprocess.Popen(["unbound", "-d", "-c", config], stderr=subprocess.DEVNULL)
    try:
        wait_for("unbound", lambda: ask(port, NAMES[0], A))
        fake.ctl("dns", "check", "--address=192.0.2.7", f"--server=127.0.0.1:{port}")
        assert ask(port, NAMES[0], AAAA) == (0, 0)
    finally:
        server.kill()
        server.wait()


def test_check_says_what_is_wrong(fake, tmp_path):
    """One name leads elsewhere, one nowhere; the exit status and the next step say so."""
    with dnsmasq(tmp_path / "site", "address=/fw.gadget.example/198.51.100.1\naddress=/api.gadget.example/\n") as port:
        result = fake.ctl("dns", "check", "--address=192.0.2.7", f"--server=127.0.0.1:{port}", status=4)
    assert "fw.gadget.example leads to 198.51.100.1, which is not the gateway" in result.stdout
    assert "api.gadget.example leads nowhere: its registration" in result.stdout
    assert "2 of 2 names do not lead to the gateway; put the entries of" in result.stderr


def test_half_right_is_wrong(fake, tmp_path):
    lines = "host-record=fw.gadget.example,192.0.2.7\nhost-record=fw.gadget.example,198.51.100.1\n"
    with dnsmasq(tmp_path / "site", lines) as port:
        result = fake.ctl("dns", "check", "widget", "--address=192.0.2.7", f"--server=127.0.0.1:{port}", status=4)
    assert "198.51.100.1" in result.stdout and "1 of 1 names" in result.stderr


def test_check_without_a_server(fake):
    """The machine's own resolver; and nobody who answers is no finding about the names."""
    fake.stop()
    fake.answer("get:plugins:widget", "({'name': <'widget'>, 'hosts': <[{'name': <'localhost'>}]>},)").start()
    well = fake.ctl("dns", "check", "widget", "--address=127.0.0.1")
    assert "localhost leads to the gateway (127.0.0.1)" in well.stdout and "so says this machine" in well.stderr
    assert "does not answer" in fake.ctl("dns", "check", "widget", f"--server=127.0.0.1:{free_port()}", status=11).stderr
    own = fake.ctl("dns", "check", "widget", status=4)
    assert "localhost leads to 127.0.0.1, which is not the gateway" in own.stdout, "not even the gateway's own loopback"
