# SPDX-License-Identifier: LGPL-2.1-or-later
"""The event's way up, with the core and the WAN worker killed at its single steps."""
import random
import sys
import urllib.request

import pytest

from armed import DISK, RECEIVE, SEND, Armed
from gateway import SOURCE, free_port, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes/cloud"))
from webhook import Receiver  # noqa: E402

CONFIG = """[clock]
trust=always
[plugin harmony]
listen=127.0.0.1:{port}
[upstream hook]
type=webhook
url={url}
secret-file={folder}/hook.secret
report-interval=20ms
"""
N_KILLS = 12
# Who dies, at which calls, and how many of them one update's two events take.
STEPS = [("core", DISK, 24), ("core", SEND, 24), ("core", RECEIVE, 24), ("wan", SEND, 8), ("wan", RECEIVE, 16)]


@pytest.fixture
def armed(gateway, tmp_path, request):
    receiver = Receiver("secret").start()
    (tmp_path / "hook.secret").write_text("secret\n")
    port = free_port()
    made = Armed(gateway(CONFIG.format(url=receiver.url, port=port, folder=tmp_path)),
                 is_dropping="power_cut" in request.node.name)
    made.receiver, made.port, made.image = receiver, port, tmp_path / "fw.bin"
    yield made
    made.disarm()
    receiver.stop()


def try_rows(one, kind, *words):
    """None while the core is away."""
    try:
        return one.rows(kind, *words)
    except AssertionError:
        return None


def ask(armed, node):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{armed.port}/n/{node}/ota.json", timeout=3).read()
    except OSError:
        pass  # it asks again


def end_one(armed, node):
    """Has the node ask until an update is open, pushes another firmware, and has it
    ask again, which ends the first. Returns its number."""
    def open_row():
        ask(armed, node)
        rows = try_rows(armed.one, "updates", f"--filter=node={node}", "--filter=state=offered")
        return rows and rows[0]

    def push(row):
        firmware = next(one for one in armed.firmwares[node] if row is None or one != row["firmware"])
        return armed.one.ctl("push", f"--firmware={firmware}", node, is_checked=False).returncode == 0
    if not open_row():
        wait_for("the first push", lambda: push(None), 30)
    row = wait_for("an open update", open_row, 30)
    wait_for("the push", lambda: push(row), 30)
    wait_for("the end of the update", lambda: (open_row() or row)["id"] != row["id"], 30)
    return row["id"]


def prepare(armed, nodes):
    """Each has a product of its own: what is not verified is tried on one node at a time."""
    one = armed.start().one
    wait_for("the transport", lambda: one.row("plugins", "name", "harmony"))
    for node in nodes:
        one.ctl("product", "set", f"of-{node}", "--plugin=harmony")
        for version in (5, 6):
            armed.image.write_bytes(bytes(8000) + node.encode() + bytes([version]))
            one.ctl("import", armed.image, f"--product=of-{node}", f"--version={version}")
        one.ctl("nodes", "set", node, f"--product=of-{node}")
        one.ctl("nodes", "adopt", node, f"--product=of-{node}")
    armed.firmwares = {node: [row["id"] for row in one.rows("firmware", f"--filter=product=of-{node}")] for node in nodes}


def is_drained(one):
    one.ctl("upstreams", "poll", "hook", is_checked=False)
    rows = try_rows(one, "upstreams")
    return rows is not None and rows[0]["queued"] == 0


def check(armed, ended):
    """Everything arrived: what was acknowledged, and what the gateway's own record holds; in order, and once."""
    one, taken = armed.one, armed.receiver.taken
    by_id, order = {}, {}
    for event in taken:
        assert by_id.setdefault(event["id"], event) == event, "another event under the same id"
    for event in by_id.values():  # as they came first
        order.setdefault(event["data"].get("node"), []).append(int(event["id"]))
    assert all(ids == sorted(ids) for ids in order.values()), order
    cancelled = [event["data"]["update"] for event in by_id.values() if event["type"].endswith("update.cancelled")]
    assert len(cancelled) == len(set(cancelled)) and set(ended) <= set(cancelled) and len(ended) == len(set(ended))
    known = one.json("events", "--after=0", "--filter=final=yes", "--limit=500")["events"]
    assert {str(event["id"]) for event in known} == {id for id, event in by_id.items() if event["data"].get("final")}


def kill_and_check(armed, steps, seed):
    chance, nodes = random.Random(seed), ["a", "b", "c"]
    prepare(armed, nodes)
    ended, n_fired = [], 0
    for number in range(N_KILLS):
        name, kinds, n = steps[(seed + number) % len(steps)]
        armed.arm(name, kinds, chance.randint(1, n))
        ended.append(end_one(armed, chance.choice(nodes)))
        wait_for("the kill or the end", lambda name=name: armed.has_fired(name) or is_drained(armed.one), 60)
        n_fired += armed.has_fired(name)
        armed.disarm()
    wait_for("an empty outbox", lambda: is_drained(armed.one), 60, step=0.2)
    check(armed, ended)
    assert n_fired >= N_KILLS / 2


@pytest.mark.parametrize("seed", range(5))
def test_E1_killed_at_each_step(armed, seed):
    kill_and_check(armed, STEPS, seed)


@pytest.mark.parametrize("seed", range(2))
def test_E1_power_cut_at_each_step(armed, seed):
    """The core loses with its life all that it had not synced."""
    kill_and_check(armed, [("core", DISK, 24), ("core", DISK, 48)], seed)
