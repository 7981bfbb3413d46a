# SPDX-License-Identifier: LGPL-2.1-or-later
"""The gateway as a service of a real systemd: started, watched, killed, reloaded, stopped, and cut from power."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from booted import UNITS, Booted
from gateway import wait_for
from network import Lan

LOOPS = int(os.environ.get("LONG_BOOTS", "15"))


@pytest.fixture(name="site", scope="module")
def fixture_site(build, tmp_path_factory):
    lan = Lan(f"gwb{os.getpid()}")
    site = Booted(build, tmp_path_factory.mktemp("booted"), lan)
    try:
        yield site.start()
    finally:
        site.stop()
        lan.close()


@pytest.fixture(autouse=True)
def fixture_journal(site, request):
    yield
    site.gateway.systemctl("start", *(f"{unit}.service" for unit in UNITS))
    if request.node.report_call.failed:
        print(site.gateway.journal("-n", "150"))


def pids(site):
    return [site.gateway.show(unit, "MainPID") for unit in UNITS]


def test_everything_starts(site):
    assert site.gateway.systemctl("is-system-running").stdout.strip() == "running"
    for unit in UNITS:
        assert (site.gateway.show(unit, "ActiveState"), site.gateway.show(unit, "NRestarts")) == ("active", "0")
    assert site.status("gatewayd") == "0 nodes adopted, 0 downloads"
    assert re.fullmatch(r"\d+ transports, 0 downloads", site.status("gatewayd-lan@net"))
    assert site.status("gatewayd-wan") == "1 upstreams"
    assert site.gateway.systemctl("is-enabled", "gatewayd").stdout.strip() == "enabled"


def test_status_says_what_is_wrong(site):
    site.gateway.systemctl("stop", "gatewayd-lan@net.service", "gatewayd-wan.service", "gatewayd-http.socket",
                           "gatewayd-ftp.socket")
    wait_for("the missing workers to be named", lambda: "no LAN worker; no WAN worker" in site.status("gatewayd"))
    site.gateway.systemctl("stop", "gatewayd.service")
    site.gateway.systemctl("start", "gatewayd-lan@net.service", "gatewayd-wan.service")
    for unit in ("gatewayd-lan@net", "gatewayd-wan"):
        wait_for(f"{unit} to miss the core", lambda unit=unit: site.status(unit).startswith("no core"))
    site.gateway.systemctl("start", "gatewayd.service")
    site.wait_ready()


def test_reload(site):
    before, file = pids(site), "/etc/gatewayd/gatewayd.conf.d/y.conf"
    site.gateway.write(file, "[limits]\ntransfers=7\n")
    site.gateway.systemctl("reload", "gatewayd")
    assert re.search(r"slots-max: +7\n", site.gateway.ctl("status").stdout)
    site.gateway.write(file, "[limits]\ntransfers=9\nnonsense=1\n")
    assert site.gateway.systemctl("reload", "gatewayd", is_checked=False).returncode != 0
    assert re.search(r"slots-max: +7\n", site.gateway.ctl("status").stdout)
    assert "y.conf" in site.gateway.journal("-u", "gatewayd", "-n", "20")
    assert pids(site) == before
    (site.gateway.root / file[1:]).unlink()
    site.gateway.systemctl("reload", "gatewayd")


def test_socket_activation_without_the_capability(site):
    status = pathlib.Path(f"/proc/{site.gateway.pid('gatewayd-lan@net')}/status").read_text()
    assert re.findall(r"^Cap(?:Inh|Prm|Eff|Bnd|Amb):\t(\w+)$", status, re.M) == ["0" * 16] * 5
    site.gateway.systemctl("stop", "gatewayd-lan@net.service")
    node = site.lan.node(99)
    result = subprocess.run([*node, "curl", "--silent", "--max-time", "20", "http://10.77.0.1/n/early/ota.json"],
                            capture_output=True, check=False)
    assert result.returncode == 0, "who comes first starts the worker, and waits"
    assert site.gateway.show("gatewayd-lan@net", "ActiveState") == "active"


def test_worker_is_killed_while_it_sends(site):
    image = site.send_slowly("shed")
    before = pids(site)
    begin = time.monotonic()
    site.gateway.kill("gatewayd-lan@net")
    wait_for("the worker", lambda: site.gateway.show("gatewayd-lan@net", "MainPID") not in ("0", before[2]))
    assert time.monotonic() - begin < 2
    site.power_cycle("shed")
    site.wait_update("shed", "succeeded", seconds=60)
    assert site.got("shed") == image and pids(site)[:2] == before[:2]


def test_core_is_killed_while_a_worker_sends(site):
    image = site.send_slowly("barn")
    before = pids(site)
    site.gateway.kill("gatewayd")
    wait_for("the core", lambda: site.gateway.show("gatewayd", "MainPID") not in ("0", before[0]))
    site.wait_update("barn", "succeeded", seconds=60)
    assert site.got("barn") == image and pids(site)[1:] == before[1:], "nobody else was started again"


def test_watchdog_notices_a_stuck_loop(site):
    before = pids(site)
    for unit in UNITS:
        site.gateway.kill(unit, signal.SIGSTOP)
    wait_for("all to be started again", lambda: not {"0", *before} & set(pids(site)), 30)
    for unit in UNITS:
        assert "Watchdog timeout" in site.gateway.journal("-u", unit)
    site.wait_ready()


def n_bites(site):
    return site.gateway.journal("-u", "gatewayd").count("Watchdog timeout")


def test_watchdog_notices_a_stuck_database(site):
    """The thread is held at its next write, as by a disk that does not answer; the main loop turns on."""
    core, before, bites = site.gateway.pid("gatewayd"), pids(site), n_bites(site)
    (thread,) = [path.parent.name for path in pathlib.Path(f"/proc/{core}/task").glob("*/comm")
                 if path.read_text() == "database\n"]
    with subprocess.Popen(["strace", "-qq", "-p", thread, "-e", "inject=pwrite64,fdatasync:delay_enter=30000000"],
                          stderr=subprocess.DEVNULL) as strace:
        wait_for("strace", lambda: "TracerPid:\t0" not in pathlib.Path(f"/proc/{thread}/status").read_text())
        threading.Thread(target=site.gateway.ctl, args=("product", "set", "x", "--plugin=harmony"),
                         kwargs={"is_checked": False}, daemon=True).start()
        wait_for("the watchdog", lambda: n_bites(site) > bites, 20)
        strace.kill()
    wait_for("another core", lambda: site.gateway.show("gatewayd", "MainPID") not in ("0", before[0]))
    assert pids(site)[1:] == before[1:]
    site.wait_ready()


def test_stops_within_five_seconds(site):
    site.send_slowly("mill")
    with socket.socket() as idle:  # and somebody who never says a word
        begin = time.monotonic()
        site.gateway.systemctl("stop", "gatewayd.target")
        assert time.monotonic() - begin < 5
        idle.close()
    for unit in UNITS:
        assert (site.gateway.show(unit, "ActiveState"), site.gateway.show(unit, "Result")) == ("inactive", "success")
    site.gateway.systemctl("start", "gatewayd")
    site.power_cycle("mill")
    site.wait_update("mill", "succeeded", seconds=60)


def test_bus_starts_it_where_it_is_enabled(site):
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "gatewayctl", "status")
    site.gateway.systemctl("stop", "gatewayd.service")
    assert site.gateway.exec(*nobody, is_checked=False).returncode == 3, "started, and polkit says no"
    assert site.gateway.show("gatewayd", "ActiveState") == "active"
    site.gateway.systemctl("disable", "gatewayd.service")
    site.gateway.systemctl("stop", "gatewayd.service")
    assert site.gateway.exec(*nobody, is_checked=False).returncode not in (0, 3)
    assert site.gateway.show("gatewayd", "ActiveState") == "inactive"
    site.gateway.systemctl("enable", "--now", "gatewayd.service")
    site.wait_ready()


def test_an_image_is_looked_into(site, source):
    """By a process that is gone afterwards."""
    text = (source / "tests/plugin/esp32.table").read_text().split("case an application\n")[1].split("\nimage")[0]
    image = bytearray.fromhex("".join(line.removeprefix("bytes ") for line in text.splitlines()[1:]))
    path = site.gateway.root / "root/weather.bin"
    path.write_bytes(image)
    site.gateway.ctl("import", "/root/weather.bin", "--product=chips")
    row = site.gateway.row("firmware", "version", "1.4.2")
    image[100] ^= 1
    path.write_bytes(image)
    refused = site.gateway.ctl("import", "/root/weather.bin", "--product=chips", is_checked=False)
    assert refused.returncode != 0 and "its checksum does not hold" in refused.stderr
    site.gateway.ctl("firmware", "delete", row["id"])
    wait_for("the process to be gone", lambda: "gatewayd-unpack@" not in site.gateway.systemctl("list-units").stdout)


def test_journal_can_be_asked(site):
    site.gateway.ctl("nodes", "set", "attic", "--product=weather", "--version=1")
    lines = [json.loads(line) for line in site.gateway.journal("GATEWAYD_NODE=attic", "-o", "json").splitlines()]
    (line,) = [line for line in lines if line["GATEWAYD_EVENT"] == "node.set"]
    assert (line["SYSLOG_IDENTIFIER"], line["GATEWAYD_SUBJECT"], line["PRIORITY"]) == ("gatewayd", "node", "6")
    (event,) = site.gateway.json("events", "--filter=type=node.set", "--filter=node=attic")["events"]
    assert line["GATEWAYD_EVENT_ID"] == str(event["id"])


def test_journal_explains_what_to_do(site):
    stranger = site.folder / "stranger.key"
    site.cloud.make_key(stranger)
    site.cloud.publish(key=stranger)
    question = ("-q", "-x", "GATEWAYD_EVENT=upstream.catalog-refused")
    told = wait_for("the refusal", lambda: site.gateway.journal(*question), 10)
    site.cloud.publish()
    site.wait_ready()
    assert "Subject: A catalog was refused" in told and "gatewayctl upstreams show cloud" in told


def test_what_peers_do_is_logged_sparingly(site):
    node = site.lan.node(97)
    nonsense = "for i in $(seq 300); do printf 'NONSENSE\\r\\n\\r\\n' | socat -t1 - TCP:10.77.0.1:80 & done; wait"
    subprocess.run([*node, "bash", "-c", nonsense], check=True, capture_output=True, timeout=60)
    lines = site.gateway.journal("GATEWAYD_SUBJECT=peer", "-o", "cat").splitlines()
    assert 5 <= len(lines) <= 30, lines


def facts(site):
    """What must never be lost."""
    return {kind: {row[key]: row.get("state") for row in site.gateway.rows(kind)}
            for kind, key in (("nodes", "id"), ("firmware", "id"), ("rules", "id"))}


def test_C1_crash_and_boot(site):
    for loop in range(LOOPS):
        site.gateway.ctl("nodes", "set", f"loop-{loop}", "--product=weather", "--version=1")
        known, newest = facts(site), site.gateway.json("status")["newest-event"]
        site.gateway.crash()
        site.gateway.boot()
        wait_for("the core", lambda: site.gateway.ctl("status", is_checked=False).returncode == 0, 30)
        now = facts(site)
        for kind, rows in known.items():
            assert rows.items() <= now[kind].items(), f"{kind} after crash {loop}"
        assert site.gateway.json("status")["newest-event"] >= newest
    assert f"loop-{LOOPS - 1}" in facts(site)["nodes"]
