# SPDX-License-Identifier: LGPL-2.1-or-later
"""The event's way up, with a whole gateway and a receiver that misbehaves."""
import hashlib
import hmac
import json
import random
import re
import sys
import time

import pytest

from gateway import SOURCE, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes/cloud"))
from webhook import Receiver, is_genuine  # noqa: E402

CANARY = "canary-of-the-webhook-secret-4711"
CONFIG = """[upstream hook]
type=webhook
url={url}
secret-file={folder}/hook.secret
report-interval=20ms
{more}
"""


@pytest.fixture
def hooked(gateway, tmp_path):
    """hooked(...) makes a gateway with a webhook to a receiver; start it yourself."""
    made = []

    def make(more="", usual=200):
        receiver = Receiver(CANARY)
        receiver.usual = usual
        made.append(receiver.start())
        (tmp_path / "hook.secret").write_text(CANARY + "\n")
        return gateway(CONFIG.format(url=receiver.url, folder=tmp_path, more=more)), receiver

    yield make
    for receiver in made:
        receiver.stop()


def enter(one, *names):
    for name in names:
        one.ctl("nodes", "set", name, "--location=Here")


def entered(receiver):
    return [event["data"]["node"] for event in receiver.of_type("node.set")]


def hook(one):
    return one.json("upstreams", "show", "hook")


def hurry(one):
    """Instead of waiting for the next try."""
    one.ctl("upstreams", "poll", "hook", is_checked=False)


def wait_taken(one, receiver, *names, seconds=30):
    def are_there():
        hurry(one)
        return set(names) <= set(entered(receiver))
    wait_for(f"{names} at the receiver", are_there, seconds, step=0.2)


def test_batches_are_signed_cloud_events(hooked):
    one, receiver = hooked()
    one.start()
    enter(one, "a", "b")
    wait_taken(one, receiver, "a", "b")
    request = receiver.requests[0]
    assert request["headers"]["Content-Type"] == "application/cloudevents-batch+json"
    assert not is_genuine(CANARY, request["headers"]["Gateway-Signature"], request["body"] + b" ")
    assert not is_genuine("other", request["headers"]["Gateway-Signature"], request["body"])
    assert not is_genuine(CANARY, request["headers"]["Gateway-Signature"], request["body"], time.time() + 3600)
    event = receiver.of_type("node.set")[0]
    assert event["specversion"] == "1.0" and event["datacontenttype"] == "application/json"
    assert event["subject"] == "node/a" and re.match(r"urn:uuid:[0-9a-f-]{36}$", event["source"])
    assert abs(time.mktime(time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - time.time()) < 60
    wait_for("an empty outbox", lambda: hook(one)["queued"] == 0)
    assert hook(one)["well"] is True and hook(one)["status"] == "takes events"


def test_the_check_of_the_page(hooked):
    """The lines of docs/integrator.md that a receiver is to copy."""
    names = {"hmac": hmac, "hashlib": hashlib, "time": time}
    exec(re.search(r"```python\n(.*?)```", (SOURCE / "docs/integrator.md").read_text(), re.S)[1], names)
    one, receiver = hooked()
    one.start()
    wait_for("a request", lambda: receiver.requests)
    header, body = receiver.requests[0]["headers"]["Gateway-Signature"], receiver.requests[0]["body"]
    assert names["is_genuine"](CANARY, header, body)
    assert not names["is_genuine"]("other", header, body) and not names["is_genuine"](CANARY, header, body + b" ")
    assert not names["is_genuine"](CANARY, re.sub(r"t=\d+", f"t={int(time.time()) - 301}", header), body)


def test_only_wanted_types(hooked):
    one, receiver = hooked(more="events=node.set, rule.*")
    one.start()
    enter(one, "a")
    wait_taken(one, receiver, "a")
    assert {event["type"] for event in receiver.taken} == {"org.gatewayd.node.set"}


# --- E2: what the answers mean ------------------------------------------------------------------------------------

@pytest.mark.parametrize("answer", [500, 502, 503, 408, 425, 429, 401, 403, 301, "reset", "half"],
                         ids=lambda answer: f"answer-{answer}")
def test_E2_tried_again(hooked, answer):
    one, receiver = hooked(more="events=node.set")
    receiver.answers = [answer, answer]
    one.start()
    enter(one, "a", "b")
    wait_taken(one, receiver, "a", "b")
    wait_for("the repetition", lambda: len(receiver.requests) >= 2)
    assert receiver.ids() == sorted(receiver.ids()) and one.rows("deadletter") == []
    assert receiver.requests[0]["events"][0] == receiver.requests[1]["events"][0], "a repetition is the same"


@pytest.mark.parametrize("answer", [200, 202, 204, 409, 410, "endless"], ids=lambda answer: f"answer-{answer}")
def test_E2_taken(hooked, answer):
    one, receiver = hooked(more="events=node.set", usual=answer)
    one.start()
    enter(one, "a", "b")
    wait_for("an empty outbox", lambda: hook(one)["queued"] == 0 and len(receiver.requests) >= 1)
    ids = [event["id"] for request in receiver.requests for event in request["events"]]
    assert len(ids) == len(set(ids)) == 2 and one.rows("deadletter") == []


def test_E2_retry_after(hooked):
    one, receiver = hooked(more="events=node.set")
    receiver.answers = [(503, {"Retry-After": "3"})]
    one.start()
    enter(one, "a")
    wait_for("the refusal", lambda: len(receiver.requests) == 1)
    wait_taken(one, receiver, "a")  # hurries all the while
    assert 2.9 < receiver.requests[1]["at"] - receiver.requests[0]["at"] < 8


@pytest.mark.parametrize("answer", [400, 404, 413, 422], ids=lambda answer: f"answer-{answer}")
def test_E2_dead_letter(hooked, answer):
    one, receiver = hooked(more="events=node.set", usual=answer)
    one.start()
    enter(one, "bad")
    row = wait_for("the dead letter", lambda: one.rows("deadletter"))[0]
    assert row["type"] == "node.set" and row["node"] == "bad" and str(answer) in row["error"]
    assert hook(one)["refused"] == 1
    receiver.usual = 200
    enter(one, "good")  # the queue moved on
    wait_taken(one, receiver, "good")
    assert entered(receiver) == ["good"]
    one.ctl("deadletter", "retry", row["letter"])
    wait_taken(one, receiver, "bad")
    assert one.rows("deadletter") == []


def test_E2_dropped_by_an_operator(hooked):
    one, receiver = hooked(more="events=node.set", usual=404)
    one.start()
    enter(one, "a", "b")
    wait_for("both dead", lambda: len(one.rows("deadletter")) == 2)
    assert one.ctl("deadletter", "drop", "nonesuch", is_checked=False).returncode == 4
    assert "2 events dropped" in one.ctl("deadletter", "drop", "hook").stdout
    assert one.rows("deadletter") == [] and hook(one)["queued"] == 0
    events = one.json("events", "--filter=type=upstream.*")["events"]
    assert [event["type"] for event in events] == ["upstream.report-refused", "upstream.reports-dropped"]


def test_slow_server_is_given_up(hooked):
    one, receiver = hooked(more="events=node.set\n[wan]\nslow-window=1s")
    receiver.answers = ["slow"]
    one.start()
    enter(one, "a")
    wait_for("the complaint", lambda: "too slow" in hook(one)["report-trouble"])
    wait_taken(one, receiver, "a")


# --- E1: nothing is lost, whoever is killed ------------------------------------------------------------------------

def test_E1_killed_at_any_moment(hooked):
    """Core and WAN worker are killed at random while events are made and a receiver answers badly."""
    one, receiver = hooked(more="events=node.set")
    one.start()
    dice, names = random.Random(1), [f"n{i}" for i in range(40)]
    for name in names:
        with receiver.lock:
            receiver.answers = dice.choice([[], [500], ["reset"], ["half"], ["half", 503]])
        if dice.random() < 0.4:
            one.kill(dice.choice(["core", "wan"]))
        wait_for("the entry", lambda name=name: one.ctl("nodes", "set", name, "--location=Here",
                                                        is_checked=False).returncode == 0)
        if dice.random() < 0.3:
            hurry(one)
    receiver.answers = []
    wait_taken(one, receiver, *names, seconds=60)
    wait_for("an empty outbox", lambda: (hurry(one), hook(one)["queued"] == 0)[1])
    by_id = {}
    for event in receiver.taken:
        assert by_id.setdefault(event["id"], event) == event, "another event under the same id"
    assert receiver.ids() == sorted(receiver.ids()), "the order of first deliveries"
    assert len({event["source"] for event in receiver.taken}) == 1


# --- P3: the secret stays where it is ------------------------------------------------------------------------------

def test_P3_secret_is_never_logged(hooked):
    one, receiver = hooked(usual=401)
    one.start()
    enter(one, "a")
    wait_for("the complaint", lambda: "401" in hook(one)["report-trouble"])
    receiver.usual = 200
    wait_taken(one, receiver, "a")
    listed = json.dumps([one.json("upstreams", "show", "hook"), one.json("plugins", "show", "webhook"),
                         one.json("events")])
    one.stop()
    assert CANARY not in one.logs() and CANARY not in listed
    for path in one.folder.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path
