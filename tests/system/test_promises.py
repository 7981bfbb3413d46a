# SPDX-License-Identifier: LGPL-2.1-or-later
"""Promises of docs/promises.md that only a whole gateway can show. The number stands in each test's name."""
import os
import random
import re
import signal
import socket
import subprocess
import time

import pytest

from gateway import wait_for


def fetch(one, path, timeout=5):
    """Head and body as they came; the length is the reply's own word, because the gateway lets the node close."""
    with socket.create_connection((one.address, one.port), timeout=timeout) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: {one.address}\r\nConnection: close\r\n\r\n".encode())
        data, length = b"", None
        while length is None or len(data) < length:
            piece = peer.recv(65536)
            if not piece:
                break
            data += piece
            found = re.search(rb"Content-Length: (\d+)\r\n(?:.*\r\n)*?\r\n", data)
            length = found.end() + int(found[1]) if found else None
    return data


def rejected(one):
    return wait_for("the rejection", lambda: [row for row in one.gateway.rows("firmware") if row["state"] == "rejected"])


# --- U1: nothing unsealed is ever served -------------------------------------------------------------------------

def assert_never_served(one):
    one.node("victim")
    one.adopt("victim")
    rows = [row for row in one.gateway.rows("firmware") if row["state"] != "rejected"]
    for row in rows:
        assert one.gateway.ctl("push", "--firmware", row["id"], "victim", is_checked=False).returncode != 0
    wait_for("five polls", lambda: one.nodes["victim"].text().count("nothing due") >= 5)
    assert "loading" not in one.nodes["victim"].text()


def test_U1_wrong_key(site):
    one = site()
    one.cloud.image("fw.bin")
    stranger = one.folder / "stranger.key"
    one.cloud.make_key(stranger)
    one.cloud.publish("product=weather,version=5,file=fw.bin", key=stranger)
    one.start()
    wait_for("the refusal", lambda: "signature" in one.gateway.row("upstreams", "name", "cloud")["status"])
    assert one.gateway.rows("firmware") == []
    assert_never_served(one)


def test_U1_unsigned(site):
    one = site()
    one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    (one.cloud.files / "catalog.json.sig").unlink()
    one.start()
    wait_for("the refusal", lambda: "sign" in one.gateway.row("upstreams", "name", "cloud")["status"])
    assert one.gateway.rows("firmware") == []


@pytest.mark.parametrize("change", ["digest", "longer", "shorter"])
def test_U1_image_is_not_what_was_announced(site, change):
    one = site(upstream="prefetch=yes")
    image = one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    other = {"digest": b"!" + image[1:], "longer": image + b"!", "shorter": image[:-1]}[change]
    one.cloud.image("fw.bin", data=other)
    one.start()
    row = rejected(one)[0]
    assert row["reason"]
    assert_never_served(one)


# --- U3: no rollback ---------------------------------------------------------------------------------------------

def test_U3_lower_sequence_is_refused(site):
    one = site()
    one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin", sequence=7)
    one.start()
    one.firmware(5)
    one.cloud.image("old.bin")
    one.cloud.publish("product=weather,version=9,file=old.bin", sequence=6)
    wait_for("the refusal", lambda: "sequence" in one.gateway.row("upstreams", "name", "cloud")["status"])
    assert one.gateway.row("firmware", "version", "9") is None


def test_U3_equal_sequence_with_other_bytes_is_refused(site):
    one = site()
    one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin", sequence=7)
    one.start()
    one.firmware(5)
    one.cloud.publish("product=weather,version=9,file=fw.bin", sequence=7)
    wait_for("the refusal", lambda: "sequence" in one.gateway.row("upstreams", "name", "cloud")["status"])
    assert one.gateway.row("firmware", "version", "9") is None


def test_U3_sequence_survives_a_restart(site):
    one = site()
    one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin", sequence=7)
    one.start()
    one.firmware(5)
    one.gateway.kill("core")
    one.cloud.publish("product=weather,version=9,file=fw.bin", sequence=6)
    one.gateway.wait_ready()
    wait_for("the refusal", lambda: "sequence" in one.gateway.row("upstreams", "name", "cloud")["status"])
    assert one.gateway.row("firmware", "version", "9") is None


def test_U3_one_products_image_for_another_product(site):
    one = site()
    one.cloud.image("fw.bin")
    one.cloud.publish("product=pump,version=5,file=fw.bin")
    one.start()
    one.gateway.ctl("product", "set", "pump", "--plugin=harmony")
    one.node("a")
    one.adopt("a")
    refused = one.gateway.ctl("push", "--firmware", one.firmware(5)["id"], "a", is_checked=False)
    assert refused.returncode != 0 and "product" in refused.stderr


# --- U5, U6: endless and slow upstreams ----------------------------------------------------------------------------

def test_U5_endless_image_stops_at_its_size(site):
    one = site(upstream="prefetch=yes")
    one.cloud.image("fw.bin", size=50_000)
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    with open(one.cloud.files / "fw.bin", "ab") as image:
        image.truncate(400 * 1024 * 1024)
    one.start()
    assert rejected(one)[0]["reason"]
    used = sum(path.stat().st_blocks * 512 for path in (one.gateway.folder / "cache").rglob("*") if path.is_file())
    assert used < 2 * 1024 * 1024


# --- C1: kill -9 anywhere ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(6))
def test_C1_core_and_workers_killed_at_random_moments(site, seed):
    """A tenth of the long run: after any number of kills each node ends with the right bytes or none."""
    chance = random.Random(seed)
    one = site()
    image = one.cloud.image("fw.bin", size=300_000)
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("a", "--flash-us=1000")
    one.adopt("a")
    one.push(one.firmware(5)["id"], "a")
    for _ in range(4):
        time.sleep(chance.uniform(0.05, 0.6))
        one.gateway.kill(chance.choice(["core", "core", "lan", "wan"]))
        one.gateway.wait_ready()
        node = one.nodes["a"]
        if "idle until reset" in node.text() and "running version 5" not in node.text():
            node.kill()  # the operator power-cycles it, as explain told
            node.wait()
            one.node("a", "--flash-us=1000")
    if "idle until reset" in one.nodes["a"].text() and "running version 5" not in one.nodes["a"].text():
        one.nodes["a"].kill()
        one.nodes["a"].wait()
        one.node("a")
    one.says("a", "running version 5", 60)
    assert one.got("a") == image
    assert one.gateway.row("firmware", "version", "5")["state"] == "verifying"
    assert one.wait_update("a", "succeeded", seconds=30)["inferred"] is True


STEPS = ["upstream.catalog", "firmware.announced", "firmware.sealed", "update.offered", "update.downloading",
         "update.downloaded"]


@pytest.mark.parametrize("step", STEPS)
def test_C1_core_killed_at_each_step(site, step):
    """Fetch, seal, publish, pin, transfer: the core dies when it has just said that it took the step."""
    one = site(upstream="prefetch=yes", poll="200ms")
    image = one.cloud.image("fw.bin", size=200_000)
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("a", f"--flash-us={20000 if step == 'update.downloading' else 500}")  # what is brief has no such step
    one.adopt("a")
    if STEPS.index(step) > 2:
        one.push(one.firmware(5)["id"], "a")
    wait_for(step, lambda: any(row["type"] == step for row in one.gateway.json("events", "--limit=500")["events"]), step=0.01)
    one.gateway.kill("core")
    one.gateway.wait_ready()
    if STEPS.index(step) <= 2:
        one.push(one.firmware(5)["id"], "a")
    wait_for("the node's end", lambda: "running version 5" in one.nodes["a"].text() or
             "idle until reset" in one.nodes["a"].text(), 30)
    if "idle until reset" in one.nodes["a"].text():
        one.nodes["a"].kill()
        one.nodes["a"].wait()
        one.node("a")
        one.says("a", "running version 5", 30)
    assert one.got("a") == image
    one.wait_update("a", "succeeded", seconds=30)
    assert len(one.cloud.gets("fw.bin")) <= 2  # one whole fetch; a second only resumes or repeats a killed one


def test_C1_events_survive_the_core(site):
    one = site()
    one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("a")
    one.adopt("a")
    one.push(one.firmware(5)["id"], "a")
    one.wait_update("a", "succeeded")
    before = one.gateway.json("events")["events"]
    one.gateway.kill("core")
    one.gateway.wait_ready()
    after = one.gateway.json("events")["events"]
    assert [row["id"] for row in after[:len(before)]] == [row["id"] for row in before]
    assert one.update("a")["state"] == "succeeded"


# --- C3: single flight ---------------------------------------------------------------------------------------------

def test_C3_twenty_nodes_due_one_uncached_image(site):
    one = site()
    image = one.cloud.image("fw.bin", size=200_000)
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("first")
    one.adopt("first")
    firmware = one.firmware(5)["id"]
    one.push(firmware, "first")
    one.says("first", "running version 5")
    one.confirm(firmware, "first", 5)
    cloud_image = one.cloud.image("fw6.bin", size=200_000)
    assert cloud_image != image
    one.cloud.publish("product=weather,version=5,file=fw.bin", "product=weather,version=6,file=fw6.bin")
    six = one.firmware(6)["id"]
    one.push(six, "first")
    one.says("first", "running version 6", 40)
    one.confirm(six, "first", 6)
    names = [f"n{i}" for i in range(20)]
    for name in names:
        one.node(name)
    one.adopt(*names)
    one.rule("all", six)
    for name in names:
        one.says(name, "running version 6", 60)
        assert one.got(name) == cloud_image
    assert len(one.cloud.gets("fw6.bin")) == 1


# --- L: hostile nodes ----------------------------------------------------------------------------------------------

def test_L7_only_published_names_open(site):
    """1,000 spellings of a way out of the tree: each is 404 or 400, and no reply holds a line of /etc/passwd."""
    one = site().start()
    chance = random.Random(7)
    pieces = ["..", ".", "%2e%2e", "%252e", "..%2f", "/", "//", "\\", "etc", "passwd", "b", "n", "%00", "~root", "a" * 90,
              "b/../..", ";", "*", "?x", "state", "gatewayd.db"]
    for _ in range(1000):
        path = "/" + "/".join(chance.choice(pieces) for _ in range(chance.randint(1, 7)))
        reply = fetch(one, path)
        assert reply[9:12] in (b"404", b"400", b"200") and b"root:" not in reply
        if reply[9:12] == b"200":
            assert reply.endswith(b'{"ota":[]}')


def test_L12_worker_is_back_within_two_seconds(site):
    one = site().start()
    assert b"200" in fetch(one, "/ota.json")
    one.gateway.kill("lan")
    start = time.monotonic()

    def answers():
        try:
            return b"200" in fetch(one, "/ota.json", 1)
        except OSError:
            return False
    wait_for("the worker", answers, 4)
    assert time.monotonic() - start < 2.5  # 0.2 s of it are the test supervisor's
    assert one.gateway.processes["core"].is_running()


def test_core_away_and_transfers_run_on(site):
    """The core is stopped in mid-transfer: the node still gets every byte, and the fact is told afterwards."""
    one = site()
    image = one.cloud.image("fw.bin", size=600_000)
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("a", "--flash-us=8000")
    one.adopt("a")
    one.push(one.firmware(5)["id"], "a")
    one.says("a", "loading version 5")
    time.sleep(0.3)
    assert "running version 5" not in one.nodes["a"].text()
    one.gateway.kill("core")
    one.says("a", "running version 5", 30)
    assert one.got("a") == image
    one.gateway.wait_ready()
    one.wait_update("a", "downloaded", "succeeded")


def test_stop_is_quick_with_a_transfer_running(site):
    one = site()
    one.cloud.image("fw.bin", size=2_000_000)
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("a", "--flash-us=50000")
    one.adopt("a")
    one.push(one.firmware(5)["id"], "a")
    one.says("a", "loading version 5")
    start = time.monotonic()
    one.gateway.is_stopping = True
    for name in ("lan", "wan", "core"):
        one.gateway.processes[name].kill(signal.SIGTERM)
    for name in ("lan", "wan", "core"):
        assert one.gateway.processes[name].wait(5) == 0
    assert time.monotonic() - start < 5


def test_nothing_is_left_behind_in_the_process_table(site):
    one = site().start()
    listing = subprocess.run(["ps", "-o", "pid,ppid,stat,comm", "--ppid", str(os.getpid())], capture_output=True,
                             text=True, check=True).stdout
    assert "gatewayd" in listing and " Z" not in listing.replace("Zs", "")
