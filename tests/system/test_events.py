# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/events.md: every type that the sources can say has its meaning and its schema, and what is said fits it."""
import json
import re
import sys

import jsonschema
import pytest

from gateway import SOURCE, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes/cloud"))
from webhook import Receiver  # noqa: E402

SECRET = "0123456789abcdef"
SCHEMAS = SOURCE / "docs/events"
KINDS = "daemon|node|firmware|update|rule|plugin|upstream|outlet|product|user"
HOOK = """[upstream hook]
type=webhook
url={url}
secret-file={folder}/hook.secret
report-interval=20ms
"""


def types_in_sources():
    """Each "kind.what" literal, and of updates all states and whatever else is said of them."""
    found = set()
    for path in SOURCE.glob("gatewayd/**/*.c"):
        text = path.read_text()
        found |= set(re.findall(rf'"((?:{KINDS})\.[a-z-]+)"', text))
        found |= {f"update.{what}" for what in re.findall(r'gw_progress_say\(core, update, "([a-z-]+)"', text)}
    update = (SOURCE / "gatewayd/model/update.c").read_text()
    found |= {f"update.{name}" for name in re.findall(r'\[GW_UPDATE_[A-Z]+\] = "([a-z]+)"', update)}
    what = (SOURCE / "gatewayd/control/progress.c").read_text()
    found |= {f"update.{name}" for name in re.findall(r'return "([a-z-]+)";', what)}
    return found


def documented():
    return set(re.findall(r"^\| \[`([a-z.-]+)`\]\(events/\1\.json\) \|", (SOURCE / "docs/events.md").read_text(), re.M))


def schema_of(name):
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def check(event):
    name = event["type"].removeprefix("org.gatewayd.")
    resolver = jsonschema.RefResolver(f"{SCHEMAS.as_uri()}/", None)
    jsonschema.Draft202012Validator(schema_of(name), resolver=resolver).validate(event)


def test_every_type_is_documented():
    said = types_in_sources()
    assert {"update.succeeded", "update.attempt-failed", "update.downloaded-by-member", "node.seen"} <= said
    assert said == documented()


def test_every_type_has_its_schema():
    assert {path.stem for path in SCHEMAS.glob("*.json")} == documented() | {"event"}
    for name in documented() | {"event"}:
        jsonschema.Draft202012Validator.check_schema(schema_of(name))
    for name in documented():
        assert schema_of(name)["title"] == schema_of(name)["properties"]["type"]["const"] == f"org.gatewayd.{name}"


GOOD = {"specversion": "1.0", "id": "7", "source": "urn:uuid:5f0c1f4e-7c0a-4c7e-9a35-0d5a4e6f1b11",
        "type": "org.gatewayd.update.succeeded", "subject": "update/3", "time": "2026-11-21T16:20:00Z",
        "datacontenttype": "application/json",
        "data": {"text": "well", "node": "n", "firmware": 1, "update": 3, "final": True}}


def test_schemas_refuse_what_does_not_fit():
    check(GOOD)
    check({**GOOD, "new-member": 1, "data": {**GOOD["data"], "new-member": 1}})  # additions are welcome
    data = GOOD["data"]
    for bad in ({**GOOD, "id": 7}, {**GOOD, "subject": "node/n"}, {**GOOD, "time": "yesterday"}, {**GOOD, "source": "x"},
                {**GOOD, "data": {**data, "text": 1}}, {**GOOD, "data": {**data, "final": False}},
                *({**GOOD, "data": {key: data[key] for key in data if key != gone}} for gone in data)):
        with pytest.raises(jsonschema.ValidationError):
            check(bad)


def test_the_example_of_the_page_fits():
    check(json.loads(re.search(r"```json\n(.*?)```", (SOURCE / "docs/events.md").read_text(), re.S)[1]))


@pytest.fixture
def receiver(tmp_path):
    (tmp_path / "hook.secret").write_text(SECRET)
    one = Receiver(SECRET).start()
    yield one
    one.stop()


def test_what_is_said_fits_its_schema(site, receiver, tmp_path):
    """A firmware's way from its announcement to a node, with what operators do beside it."""
    one = site(more=HOOK.format(url=receiver.url, folder=tmp_path))
    one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("n1")
    one.node("n2")
    one.adopt("n1", "n2")
    firmware = one.firmware("5")["id"]
    one.push(firmware, "n1")
    one.wait_update("n1", "succeeded", seconds=60)
    one.confirm(firmware, "n1", "5")
    one.gateway.ctl("nodes", "set", "n3", "--product=weather", "--version=3")  # never comes: the rule goes on
    one.rule("all", firmware)
    one.wait_update("n2", "succeeded", seconds=60)
    one.gateway.ctl("rules", "pause", "all", "--reason=lunch")
    one.gateway.ctl("rules", "stop", "all")
    one.gateway.ctl("rules", "delete", "all")
    one.gateway.ctl("firmware", "withdraw", firmware, "--reason=enough")
    one.gateway.ctl("reload")
    one.gateway.ctl("nodes", "forget", "n2")
    wait_for("the last event", lambda: receiver.of_type("node.forgotten"))
    for event in receiver.taken:
        check(event)
    types = {event["type"].removeprefix("org.gatewayd.") for event in receiver.taken}
    assert types >= {"daemon.started", "upstream.catalog", "firmware.announced", "firmware.sealed", "node.seen",
                     "node.adopted", "update.succeeded", "firmware.verified", "rule.created", "rule.started",
                     "rule.paused", "rule.stopped", "rule.deleted", "firmware.withdrawn", "daemon.reloaded"}
    final = receiver.of_type("update.succeeded")
    assert [event["data"]["node"] for event in final] == ["n1", "n2"]
    assert final[1]["data"]["rule-name"] == "all" and final[1]["data"]["version"] == "5"
    ids = set(receiver.ids())  # first: the forgotten node asks on, and is seen anew
    told = {row["id"]: row["type"] for row in one.gateway.json("events", "--after=0", "--limit=500")["events"]}
    assert ids <= set(told), "events that D-Bus does not know"
