# SPDX-License-Identifier: LGPL-2.1-or-later
"""gatewayctl: what each command line asks of the gateway, what it says, and how it fails."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
from ctl_fake import ENVIRONMENT, Bus, FakeGateway

PLUGIN = """{'name': <'gadget'>, 'title': <'A gadget'>, 'version': <'1'>, 'plugin': <'gadget'>,
 'product': <'weather'>, 'setup': <'Set the server to the gateway.'>,
 'settings': <[{'key': <'path'>, 'fallback': <'/x'>, 'help': <'where it asks'>}]>,
 'form': <[{'key': <'version'>, 'label': <'Version'>, 'is_required': <true>, 'help': <'a number'>}]>,
 'codes': <[{'group': <'gprs'>, 'code': <'12'>, 'meaning': <'no carrier'>, 'advice': <'check the antenna'>},
            {'group': <'wifi'>, 'code': <'12'>, 'meaning': <'no access point'>}]>,
 'verbs': <[{'name': <'blink'>, 'role': <uint32 2>, 'help': <'blink for a minute'>},
            {'name': <'wipe'>, 'argument': <'version'>, 'role': <uint32 2>, 'help': <'delete an image'>,
             'warning': <'the node is silent afterwards'>}]>}""".replace("\n", " ")


@pytest.fixture(name="bus", scope="module")
def fixture_bus(tmp_path_factory):
    bus = Bus(tmp_path_factory.mktemp("bus"))
    yield bus
    bus.stop()


@pytest.fixture(name="fake")
def fixture_fake(build, tmp_path, bus):
    fake = FakeGateway(build, tmp_path, bus)
    yield fake
    fake.stop()


NAMED = "([{'id': <int64 3>}], '', uint32 1)"
LINES = [
    ("status", "status ()"),
    ("reload", "reload ()"),
    ("firmware", "list ('firmware', [], {}, '', '', 500)"),
    ("firmware list --columns=id,state --filter=state=draft --sort=-id --limit=7",
     "list ('firmware', ['id', 'state'], {'state': <'draft'>}, '-id', '', 7)"),
    ("firmware show 7", "get ('firmware', '7')"),
    ("firmware edit 7 --version=5 --field=chip=e103", "firmware-edit (7, {'version': <'5'>, 'chip': <'e103'>})"),
    ("firmware confirm 7 --node=a --version 5", "firmware-confirm (7, 'a', '5')"),
    ("firmware withdraw 7 --reason=bad", "firmware-withdraw (7, 'bad')"),
    ("firmware delete 7", "firmware-delete (7,)"),
    ("push --firmware=7 node-1", "push (7, 'node-1', {})"),
    ("downgrade --firmware 7 node-1", "downgrade (7, 'node-1', {})"),
    ("firmware verify 7 --node=node-1 --stay=2h", "verify (7, 'node-1', {'stay': <'2h'>})"),
    ("firmware unverify 7 --reason=late", "firmware-unverify (7, 'late')"),
    ("firmware reject 7 --reason=bad", "firmware-reject (7, 'bad')"),
    ("firmware confirm 7", "firmware-confirm (7, '', '')"),
    ("nodes", "list ('nodes', [], {}, '', '', 500)"),
    ("node show a", "get ('nodes', 'a')"),
    ("nodes adopt a b --product=p --location=x/y", "adopt (['a', 'b'], {'product': <'p'>, 'location': <'x/y'>})"),
    ("nodes adopt -- -a", "adopt (['-a'], {})"),
    ("nodes forget a b", "forget (['a', 'b'],)"),
    ("nodes set a --label=x --label=y --set-aside=no",
     "node-set ('a', {'labels': <['x', 'y']>, 'set-aside': <false>})"),
    ("product set p --plugin=g --series-chars=4 --auto-adopt=yes",
     "product-set ('p', {'plugin': <'g'>, 'series-chars': <4>, 'auto-adopt': <true>})"),
    ("products", "list ('products', [], {}, '', '', 500)"),
    ("explain a", "explain ('a',)"),
    ("node credential a", "credential-make ('a',)"),
    ("rules create r --firmware=7 --number=9 --override=a --override=b",
     "rule-create ({'name': <'r'>, 'firmware': <7>, 'number': <9>, 'override': <['a', 'b']>},)"),
    ("node offer a", "offer ('a',)"),
    ("accounts remove ota", "account-remove ('ota',)"),
    ("nodes set a --address=192.0.2.1", "node-set ('a', {'address': <'192.0.2.1'>})"),
    ("node credential a --revoke", "credential-revoke ('a',)"),
    ("rules", "list ('rules', [], {}, '', '', 500)"),
    ("rules show 3", "get ('rules', '3')"),
    ("rules preview 3", "rule-preview (3,)"),
    ("rules pause 3 --reason=lunch", "rule-pause (3, 'lunch')"),
    ("rules stop 3", "rule-stop (3,)"),
    ("rules delete 3", "rule-delete (3,)"),
    ("statistics", "statistics ('rule', '')"),
    ("statistics --by=version", "statistics ('version', '')"),
    ("nodes replace a b --yes", "node-replace ('a', 'b')"),
    ("nodes timeline a --limit=7",
     "list ('timeline', ['first', 'last', 'count', 'kind', 'text'], {'node': <'a'>}, '', '', 7)"),
    ("updates", "list ('updates', [], {}, '', '', 500)"),
    ("updates show 9", "get ('updates', '9')"),
    ("updates cancel 9", "update-cancel (9,)"),
    ("upstreams", "list ('upstreams', [], {}, '', '', 500)"),
    ("upstreams show main", "get ('upstreams', 'main')"),
    ("upstreams poll main", "upstream-poll ('main',)"),
    ("deadletter", "list ('deadletters', [], {}, '', '', 500)"),
    ("deadletter retry main/7 other", "deadletter-retry (['main/7', 'other'],)"),
    ("deadletter drop main/7", "deadletter-drop (['main/7'],)"),
    ("plugins", "list ('plugins', [], {}, '', '', 500)"),
    ("plugins show gadget", "get ('plugins', 'gadget')"),
    ("cache", "list ('cache', [], {}, '', '', 500)"),
    ("events", "events (-1, {}, 50)"),
    ("events --after=17 --filter=type=update.* --filter=rule=3 --filter=final=yes",
     "events (17, {'type': <'update.*'>, 'rule': <3>, 'final': <true>}, 500)"),
]


def test_each_command_line(fake):
    """Every command but those that have a test of their own, as text and as JSON."""
    fake.start()
    for line, call in LINES:
        fake.ctl(*line.split(" "))
        assert fake.calls()[0] == call, line
        document = fake.json(*line.split(" "))
        assert isinstance(document, dict), line
        fake.calls()


def test_options_stand_anywhere(fake):
    fake.start()
    for line in ("--json rules list", "rules --json list", "rules list --json", "rules --json"):
        assert json.loads(fake.ctl(*line.split(" ")).stdout) == {"rows": [], "total": 0}


def test_rule_by_name(fake):
    fake.answer("list:rules", NAMED).start()
    fake.ctl("rules", "stop", "night")
    assert fake.calls() == ["list ('rules', ['id'], {'name': <'night'>}, '', '', 2)", "rule-stop (3,)"]


def test_rule_by_unknown_name(fake):
    fake.start()
    result = fake.ctl("rules", "stop", "night", status=4)
    assert "none of the rules is called \"night\"" in result.stderr
    assert "next: gatewayctl rules list" in result.stderr


# --- rules create and start

def test_rules_create(fake, tmp_path):
    macs = tmp_path / "macs.txt"
    macs.write_text("\ufeff# the roof\r\n02:00:00:00:00:01\r\n0200.bad" .replace("0200.bad", "02-00-00-00-00-0A")
                    + "  # twice\n02000000000a,again\n\n")
    fake.answer("rule-preview", "{'matching': <uint32 2>, 'unknown': <uint32 5>, 'sample': <['a', 'b']>, "
                                "'warnings': <['node c is busy']>}").start()
    result = fake.ctl("rules", "create", "night", "--firmware=7", "--product=p", "--node=a", "--node=b",
                      f"--macs-file={macs}", "--mac=02:00:00:00:00:FF", "--location=x/*", "--version=3",
                      "--include-unknown", "--not-before=2026-11-21T00:00:00Z", "--hours=22:00-04:30", "--cap=4",
                      "--attempts=2", "--priority=-1", "--require-heard", "--cut-at-edge")
    assert fake.calls() == [
        "rule-create ({'name': <'night'>, 'firmware': <7>, 'product': <'p'>, 'nodes': <['a', 'b']>, "
        "'location': <'x/*'>, 'versions': <['3']>, 'include-unknown': <true>, 'not-before': <'2026-11-21T00:00:00Z'>, "
        "'hours': <'22:00-04:30'>, 'cut-at-edge': <true>, 'cap': <4>, 'attempts': <2>, "
        "'priority': <-1>, 'require-heard': <true>, "
        "'macs': <['02:00:00:00:00:ff', '02:00:00:00:00:01', '02:00:00:00:00:0a']>},)",
        "rule-preview (1,)"]
    assert "rule 1 \"night\" is a draft" in result.stdout
    assert "next: gatewayctl rules start night" in result.stdout
    assert "2 nodes match now; of 5 more the version is unknown" in result.stderr
    assert "warning: node c is busy" in result.stderr


def test_rules_create_for_several_products(fake, tmp_path):
    imeis = tmp_path / "imeis.txt"
    imeis.write_text("490154203237518\n# the next\n356938035643809\n")
    fake.answer("rule-preview", "{'matching': <uint32 2>}").start()
    fake.ctl("rules", "create", "mixed", "--firmware=7", "--firmware=9", f"--imeis-file={imeis}", "--label=pilot",
             "--prefix=m-", "--hardware=A1", "--transport=radio", "--heard-within=7d", "--battery=30", "--signal=-85",
             "--include-unmeasured", "--weekdays=mon,sat", "--blackouts=2026-12-24")
    assert fake.calls()[0] == (
        "rule-create ({'name': <'mixed'>, 'firmware': <[7, 9]>, 'prefixes': <['m-']>, 'labels': <['pilot']>, "
        "'hardware': <['A1']>, 'transports': <['radio']>, 'heard-within': <'7d'>, 'battery-at-least': <30>, "
        "'signal-at-least': <-85>, 'include-unmeasured': <true>, 'weekdays': <'mon,sat'>, "
        "'blackouts': <'2026-12-24'>, 'imeis': <['490154203237518', '356938035643809']>},)")


def test_rules_create_with_bad_imeis(fake, tmp_path):
    imeis = tmp_path / "imeis.txt"
    imeis.write_text("490154203237518\n49015420323751\n")
    fake.start()
    result = fake.ctl("rules", "create", "x", "--firmware=7", f"--imeis-file={imeis}", status=2)
    assert f"{imeis}:2: \"49015420323751\" is no IMEI" in result.stderr
    assert not fake.calls()


def test_rules_apply(fake, tmp_path):
    file = tmp_path / "night.json"
    file.write_text('{"name":"night","firmware":7}')
    fake.answer("rule-apply", "{'rule': <int64 3>, 'action': <'change'>, 'changes': <['/cap: 4 -> 8']>}").start()
    result = fake.ctl("rules", "apply", file, "--dry-run")
    assert fake.calls() == ["rule-apply ('{\"name\":\"night\",\"firmware\":7}', true)"]
    assert result.stdout == "/cap: 4 -> 8\nrule 3 would be changed so\n"
    result = fake.ctl("rules", "apply", file)
    assert fake.calls()[0].endswith(", false)")
    assert result.stdout == "/cap: 4 -> 8\nrule 3 is changed\n"


def test_rules_apply_refused(fake, tmp_path):
    file = tmp_path / "night.json"
    file.write_text("{}")
    fake.answer("rule-apply", "!bad-input /name: missing").start()
    result = fake.ctl("rules", "apply", file, status=2)
    assert f"{file}: /name: missing" in result.stderr


def test_rules_create_with_bad_macs(fake, tmp_path):
    macs = tmp_path / "macs.txt"
    macs.write_text("02:00:00:00:00:01\n02:00:00:00:00:0\n" + "x\n" * 20)
    fake.start()
    result = fake.ctl("rules", "create", "night", "--firmware=7", f"--macs-file={macs}", status=2)
    assert f"{macs}:2: \"02:00:00:00:00:0\" is no MAC address" in result.stderr
    assert f"{macs}: and 11 more" in result.stderr
    assert fake.calls() == []


def test_rules_start_asks_back(fake):
    fake.answer("rule-preview", "{'matching': <uint32 1>, 'unknown': <uint32 0>}").start()
    result = fake.ctl("rules", "start", "3", status=2)
    assert "1 node matches now" in result.stderr and "add --yes" in result.stderr
    assert fake.calls() == ["rule-preview (3,)"]
    status, shown = fake.terminal("rules", "start", "3", typed="n\n")
    assert status == 12 and "start rule 3? [y/N]" in shown and "not done, as you said" in shown
    assert fake.calls() == ["rule-preview (3,)"]
    status, shown = fake.terminal("rules", "start", "3", typed="y\n")
    assert status == 0 and "rule 3 runs" in shown
    assert fake.calls() == ["rule-preview (3,)", "rule-start (3,)"]
    fake.ctl("rules", "start", "3", "--yes")
    assert fake.calls() == ["rule-preview (3,)", "rule-start (3,)"]
    assert fake.json("rules", "start", "3", "-y") == {"rule": 3, "preview": {"matching": 1, "unknown": 0}}


# --- import and push

def test_import(fake, tmp_path):
    image = tmp_path / "weather 5.bin"
    image.write_bytes(b"x" * 5000)
    signature = tmp_path / "sig"
    signature.write_bytes(b"abc")
    fake.start()
    result = fake.ctl("import", image, "--product=p", "--version=5", f"--signature={signature}", "--field=chip=e")
    assert fake.calls() == ["import (5000, {'product': <'p'>, 'version': <'5'>, 'chip': <'e'>, "
                            "'signature': <'YWJj'>, 'name': <'weather 5.bin'>})"]
    assert result.stdout == ("firmware 1 is unverified\n"
                             "next: prove it on one node: gatewayctl firmware verify 1 --node=NODE\n")
    assert fake.json("import", image, "--draft", "--name=x") == {"firmware": 1, "state": "unverified"}
    assert fake.calls() == ["import (5000, {'name': <'x'>, 'draft': <true>})"]


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_import_of_what_is_no_file(fake, tmp_path, kind):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    if kind == "fifo":
        os.mkfifo(path)
    fake.start()
    result = fake.ctl("import", path, "--draft", status=4 if kind == "missing" else 2)
    assert str(path) in result.stderr and "nodes list" not in result.stderr
    assert fake.calls() == []


def test_import_shows_progress_on_a_terminal(fake, tmp_path):
    image = tmp_path / "large.bin"
    image.write_bytes(bytes(3 << 20))
    fake.start()
    status, shown = fake.terminal("import", image, "--draft")
    assert status == 0
    assert "large.bin [" in shown and "% of 3.0 MiB" in shown


def test_K1_password_is_no_argument(fake):
    """It is typed, unseen and twice, or comes by the standard input; never for ever, and for named nodes only."""
    words = ["accounts", "set", "ota", "--node=a", "--node=b", "--expires=90d"]
    noted = "account-set ('ota', {'nodes': <['a', 'b']>, 'expires': <'90d'>, 'password': <'typed-in'>})"
    fake.start()
    status, shown = fake.terminal(*words, prompts=[("password: ", "typed-in\n"), ("again: ", "typed-in\n")])
    assert (status, fake.calls()) == (0, [noted])
    assert "typed-in" not in shown and "warning: whoever knows this password" in " ".join(shown.split())
    status, shown = fake.terminal(*words, prompts=[("password: ", "typed-in\n"), ("again: ", "mistyped\n")])
    assert (status, fake.calls()) == (2, [])
    result = subprocess.run(fake.command(*words), input="typed-in\n", capture_output=True, text=True, timeout=30)
    assert (result.returncode, fake.calls()) == (0, [noted])
    assert "no password" in fake.ctl(*words, status=2).stderr
    assert "there is no option --password" in fake.ctl(*words, "--password=x", status=2).stderr
    assert "--expires" in fake.ctl(*words[:-1], status=2).stderr


def test_push_of_a_file(fake, tmp_path):
    image = tmp_path / "w.bin"
    image.write_bytes(b"x" * 10)
    fake.answer("get:nodes:roof", "{'id': <'roof'>, 'product': <'weather'>}").start()
    result = fake.ctl("downgrade", image, "roof", "--version=5")
    assert fake.calls() == ["get ('nodes', 'roof')",
                            "import (10, {'version': <'5'>, 'name': <'w.bin'>, 'product': <'weather'>})",
                            "downgrade (1, 'roof', {})", "get ('rules', '1')"]
    assert "firmware 1 goes to roof" in result.stdout
    result = fake.ctl("push", image, "cellar", "--version=5", status=2)
    assert "node cellar has no product: gatewayctl nodes adopt cellar" in result.stderr
    assert fake.json("push", image, "roof", "--version=5") == {"firmware": 1, "rule": 1}


# --- plugins

def test_code(fake):
    fake.answer("get:plugins:gadget", PLUGIN).start()
    assert fake.ctl("code", "gadget:gprs", "12").stdout == "  gprs: 12\n      no carrier\n      check the antenna\n"
    assert "no access point" in fake.ctl("code", "gadget", "12").stdout
    assert len(fake.json("code", "gadget", "12")["codes"]) == 2
    assert "gadget:gprs knows no code \"13\"" in fake.ctl("code", "gadget:gprs", "13", status=4).stderr


def test_verb(fake):
    fake.answer("get:nodes:roof", PLUGIN).answer("get:plugins:gadget", PLUGIN).start()
    fake.ctl("verb", "roof", "blink")
    assert fake.calls()[-1] == "plugin-verb ('gadget', 'blink', 'roof', '')"
    result = fake.ctl("verb", "roof", "wipe", "3", status=2)
    assert "warning: the node is silent afterwards" in result.stderr and "add --yes" in result.stderr
    assert not any("plugin-verb" in call for call in fake.calls())
    status, shown = fake.terminal("verb", "roof", "wipe", "3", typed="yes\n")
    assert status == 0 and "wipe roof? [y/N]" in shown
    fake.ctl("verb", "roof", "wipe", "3", "-y")
    assert fake.calls()[-1] == "plugin-verb ('gadget', 'wipe', 'roof', '3')"
    assert "wipe needs an argument: version" in fake.ctl("verb", "roof", "wipe", "-y", status=2).stderr
    assert "blink takes no argument" in fake.ctl("verb", "roof", "blink", "3", status=2).stderr
    assert "did you mean \"blink\"?" in fake.ctl("verb", "roof", "blonk", status=4).stderr
    assert "wipe VERSION" in fake.ctl("verb", "roof").stdout
    assert [verb["name"] for verb in fake.json("verb", "roof")["verbs"]] == ["blink", "wipe"]


# --- events

EVENT = "{'id': <int64 %d>, 'time': <int64 1795262400000>, 'type': <'update.failed'>, 'subject-kind': <'node'>, " \
        "'subject': <'roof'>, 'text': <'it never asked'>, 'who': <'root'>}"


def test_events(fake):
    fake.answer("events:-1", f"([{EVENT % 7}], int64 7)").start()
    assert fake.ctl("events").stdout == \
        "     7  2026-11-21 12:00:00  update.failed  node roof: it never asked (by root)\n"
    document = fake.json("events")
    assert document["last"] == 7 and document["events"][0]["subject"] == "roof"


@pytest.mark.parametrize("is_json", [False, True])
def test_events_follow(fake, is_json):
    fake.answer("events:-1", f"([{EVENT % 7}], int64 7)").answer("events:7", f"([{EVENT % 8}], int64 8)").start()
    words = fake.command("events", "--follow", *(["--json"] if is_json else []))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as child:
        first = child.stdout.readline()
        fake.tell(8)
        second = child.stdout.readline()
        child.kill()
    if is_json:
        assert [json.loads(line)["id"] for line in (first, second)] == [7, 8]
    else:
        assert first.startswith("     7  ") and second.startswith("     8  ")


def test_events_follow_ends_with_the_bus(build, tmp_path):
    bus = Bus(tmp_path)
    fake = FakeGateway(build, tmp_path, bus).start()
    with subprocess.Popen(fake.command("events", "--follow"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=ENVIRONMENT) as child:
        while not fake.calls():
            time.sleep(0.01)
        bus.stop()
        assert child.wait(10) == 11
        assert "the bus went away" in child.stderr.read()
    fake.stop()


# --- failing

STATUSES = {"bad-input": 2, "denied": 3, "not-found": 4, "exists": 5, "busy": 6, "no-space": 7, "corrupt": 8,
            "untrusted": 9, "timed-out": 10, "offline": 11, "stopped": 12, "unsupported": 13, "internal": 1}


@pytest.mark.parametrize("name", STATUSES)
def test_exit_status(fake, name):
    fake.answer("rule-stop", f"!{name} rule 3 is stuck").start()
    result = fake.ctl("rules", "stop", "3", status=STATUSES[name])
    assert "gatewayctl: rules stop: rule 3 is stuck\n" in result.stderr
    assert result.stdout == ""


WRONG = [
    ("rulse list", 'there is no command "rulse"; did you mean "rules"?', "gatewayctl --help"),
    ("frobnicate", 'there is no command "frobnicate"', "gatewayctl --help"),
    ("rules strat 3", 'there is no "rules strat"; did you mean "rules start"?', "gatewayctl rules --help"),
    ("firmware", None, None),
    ("catalog", "catalog what? one of: sign, check", "gatewayctl catalog --help"),
    ("rules create x --frimware=3", "there is no option --frimware here; did you mean --firmware?",
     "gatewayctl rules create --help"),
    ("rules create x --firmware=three", "--firmware=three: expected a number", "gatewayctl rules create --help"),
    ("rules create x", "which firmware? --firmware=ID", "gatewayctl rules create --help"),
    ("rules show", "missing: RULE", "gatewayctl rules show --help"),
    ("rules show 1 2", '"2" is one word too many', "gatewayctl rules show --help"),
    ("status -x", "there is no option -x; options are written out", "gatewayctl status --help"),
    ("nodes set a --set-aside=perhaps", "expected yes or no", "gatewayctl nodes set --help"),
    ("nodes list --filter=roof", "--filter=roof: expected KEY=VALUE", "gatewayctl nodes list --help"),
    ("status --json=yes", "--json takes no value", "gatewayctl status --help"),
    ("rules create x --cap", "--cap needs a value: --cap=N", "gatewayctl rules create --help"),
    ("firmware show seven", '"seven" is no id', "gatewayctl firmware show --help"),
    ("push a b c", '"c" is one word too many', "gatewayctl push --help"),
    ("push a", "either FILE NODE, or --firmware=ID NODE", "gatewayctl push --help"),
]


@pytest.mark.parametrize("line,text,hint", WRONG)
def test_wrong_command_line(build, line, text, hint):
    command = [build / "gatewayd/gatewayctl", *line.split(" ")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False,
                            env={**ENVIRONMENT, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
    if text is None:
        assert result.returncode == 11
        return
    assert result.returncode == 2 and text in result.stderr and f"next: {hint}\n" in result.stderr
    assert result.stdout == ""


def test_next_steps(fake):
    """A next step is said where the gateway has not said one itself."""
    fake.answer("explain", "!not-found there is no node \"x\"").answer("adopt", "!not-found no product; make one") \
        .answer("firmware-edit", "!bad-input version: a number").answer("import", "!no-space 3 bytes are missing").start()
    assert "next: gatewayctl nodes list shows what there is" in fake.ctl("explain", "x", status=4).stderr
    assert "next: " not in fake.ctl("nodes", "adopt", "x", status=4).stderr
    assert "next: " not in fake.ctl("firmware", "edit", "3", status=2).stderr
    assert "next: gatewayctl cache" in fake.ctl("import", __file__, "--draft", status=7).stderr


def test_daemon_not_running(build, bus, tmp_path):
    fake = FakeGateway(build, tmp_path, bus)
    result = fake.ctl("status", status=11)
    assert "gatewayd is not running: nobody answers to org.gatewayd.Gateway1" in result.stderr
    assert "next: start the gateway of that bus, or name the right bus" in result.stderr


def test_no_bus(build):
    result = subprocess.run([build / "gatewayd/gatewayctl", "status"], capture_output=True, text=True, check=False,
                            env={**ENVIRONMENT, "GATEWAYD_BUS": "unix:path=/nowhere/bus"}, timeout=30)
    assert result.returncode == 11
    assert "the bus unix:path=/nowhere/bus cannot be reached" in result.stderr


def test_daemon_dies_during_a_call(fake):
    fake.answer("status", "!never").start()
    with subprocess.Popen(fake.command("status"), stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as child:
        while not fake.calls():
            time.sleep(0.01)
        fake.process.kill()
        assert child.wait(10) == 11
        assert "gatewayd went away before it answered" in child.stderr.read()


# --- who may

def as_nobody():
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 \
        else ["sudo", "-n", "-u", "nobody"]


@pytest.fixture(name="open_folder")
def fixture_open_folder():
    """A folder that every user may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def test_K6_foreground_denies_another_user(build, open_folder):
    bus = Bus(open_folder)
    fake = FakeGateway(build, open_folder, bus).start()
    ctl = shutil.copy(build / "gatewayd/gatewayctl", open_folder)
    result = subprocess.run([*as_nobody(), ctl, "reload", f"--bus={bus.address}"], capture_output=True, text=True,
                            check=False, timeout=30)
    calls, log = fake.calls(), (open_folder / "log").read_text()
    fake.stop()
    bus.stop()
    assert "user uid 65534: Reload denied: " in log
    assert result.returncode == 3, result.stderr
    assert "a gateway in the foreground answers only uid" in result.stderr
    assert "next: run gatewayctl as the user who runs the gateway" in result.stderr
    assert calls == []
