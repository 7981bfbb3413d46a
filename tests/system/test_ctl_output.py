# SPDX-License-Identifier: LGPL-2.1-or-later
"""gatewayctl: what a person sees. Tables fit, nothing foreign reaches the terminal raw, colour is for terminals."""
import json
import re
import subprocess

import pytest
from ctl_fake import ENVIRONMENT, Bus, FakeGateway

LONG = "a-very-long-name-of-a-node-that-somebody-thought-of-in-the-night"
NODES = f"""([{{'id': <'{LONG}'>, 'product': <'weather'>, 'version': <'5'>, 'state': <'running'>,
 'location': <'Guangdong / Plant 2 / Roof / North side / Behind the third chimney'>, 'size': <int64 262144>,
 'last': <int64 1795262400000>}},
 {{'id': <'b'>, 'product': <'weather'>, 'version': <'气象'>, 'state': <'failed'>, 'location': <''>,
 'size': <int64 9>, 'last': <int64 0>}}], '', uint32 2)"""


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


def width(line):
    """Columns on a terminal: CJK characters take two."""
    return sum(2 if ord(c) > 0x2E80 else 1 for c in line)


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_tables_fit(fake, columns):
    fake.answer("list:nodes", NODES).start()
    lines = fake.ctl("nodes", columns=columns).stdout.splitlines()
    assert len(lines) == 3
    assert all(width(line) <= columns for line in lines), lines
    assert "…" in lines[1]


def test_table_at_80_columns(fake):
    """Texts give way, numbers and times do not; what does not fit then is left out, and said."""
    fake.answer("list:nodes", NODES).start()
    result = fake.ctl("nodes")
    assert result.stdout.splitlines()[0].split() == ["ID", "PRODUCT", "VERSION", "STATE", "LOCATION", "SIZE"]
    assert "256.0 KiB" in result.stdout and result.stderr == "(--wide shows 1 more column)\n"


def test_explanation_fits(fake):
    """Sentences are broken at blanks, also beside a name of 64 characters."""
    lines = ", ".join(f"'{text}'" for text in (
        f"{LONG} is an adopted node of product weather at Guangdong / Plant 2 / Roof, known by its own name.",
        "It gets nothing now: the rule\u2019s hours are not now.", "x" * 100))
    fake.answer("explain", f"({{'lines': <[{lines}]>, 'reason': <'window'>, 'advice': <'wait, or change the rule'>}},)")
    fake.start()
    shown = fake.ctl("explain", "a").stdout.splitlines()
    assert all(width(line) <= 80 for line in shown if " " in line.strip()), shown
    assert "  wait, or change the rule" in shown and "advice:" in shown


def statistics_row(name, good, groups):
    return f"""{{'rule': <int64 1>, 'name': <'{name}'>, 'updates': <int64 12>, 'open': <int64 1>,
 'succeeded': <int64 {good}>, 'failed': <int64 1>, 'refused': <int64 0>, 'expired': <int64 0>,
 'success-percent': <{good * 100 // (good + 1)}>, 'median-ms': <int64 90000>, 'p90-ms': <int64 7300000>,
 'causes': <{{'stalled': int64 1}}>, 'groups': <int64 {groups}>, 'group-downloads': <int64 {groups * 3}>}}"""


def test_statistics(fake):
    """All pages as one table; what members of shared logins did is said apart."""
    fake.answer("statistics", f"([{statistics_row('autumn', 10, 2)}], '=1')")
    fake.answer("statistics:=1", f"([{statistics_row('winter', 0, 0)}], '')").start()
    result = fake.ctl("statistics")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["RULE", "UPDATES", "OPEN", "GOOD", "BAD", "RATE", "MEDIAN", "P90", "WHY"],
        ["autumn", "12", "1", "10", "1", "90", "%", "90", "s", "2", "h", "stalled", "1"],
        ["winter", "12", "1", "0", "1", "0", "%", "90", "s", "2", "h", "stalled", "1"]]
    assert "2 more of logins that several nodes share: 6 downloads" in " ".join(result.stderr.split())
    assert all(width(line) <= 80 for line in result.stdout.splitlines())
    assert [row["name"] for row in fake.json("statistics")["rows"]] == ["autumn", "winter"]


def test_columns_that_say_nothing_are_left_out(fake):
    fake.answer("list:rules", "([{'id': <int64 1>, 'reason': <''>, 'name': <'x'>}], '', uint32 1)").start()
    assert fake.ctl("rules").stdout.split() == ["ID", "NAME", "1", "x"]
    assert fake.ctl("rules", "--columns=id,reason").stdout.split() == ["ID", "REASON", "1"]
    assert fake.json("rules")["rows"] == [{"id": 1, "reason": "", "name": "x"}]


def test_table_that_cannot_fit_says_so(fake):
    row = ", ".join(f"'column-{i}': <'value {i} of this row'>" for i in range(30))
    fake.answer("list:nodes", f"([{{{row}}}], '', uint32 1)").start()
    result = fake.ctl("nodes")
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert re.search(r"\(--wide shows \d+ more columns\)", result.stderr)
    assert "value 29 of this row" in fake.ctl("nodes", "--wide").stdout


def test_programs_get_whole_values(fake):
    fake.answer("list:nodes", NODES).start()
    assert LONG in fake.ctl("nodes", columns=None).stdout
    assert LONG in fake.ctl("nodes", "--wide").stdout


def test_values(fake):
    fake.answer("list:nodes", NODES).start()
    first = fake.ctl("nodes", columns=None).stdout.splitlines()[1]
    assert "256.0 KiB" in first and "2026-11-21 12:00:00" in first


def test_columns_are_in_the_order_asked_for(fake):
    fake.answer("list:nodes", NODES).start()
    assert fake.ctl("nodes", "--columns=version,id").stdout.splitlines()[0].split() == ["VERSION", "ID"]


def test_pages_are_put_together(fake):
    fake.answer("list:rules", "([{'id': <int64 1>}], 'more', uint32 3)") \
        .answer("list:rules@more", "([{'id': <int64 2>}], 'last', uint32 3)") \
        .answer("list:rules@last", "([{'id': <int64 3>}], '', uint32 3)").start()
    assert fake.json("rules") == {"rows": [{"id": 1}, {"id": 2}, {"id": 3}], "total": 3}
    result = fake.ctl("rules", "--limit=2")
    assert result.stdout.split() == ["ID", "1", "2"]
    assert "(2 of 3 shown)" in result.stderr


def test_nothing_to_list(fake):
    fake.start()
    assert fake.ctl("rules").stderr == "no rules\n"
    assert fake.ctl("rules", "--filter=name=x").stderr == "no rules that fit the filter\n"
    assert fake.json("rules") == {"rows": [], "total": 0}


def test_foreign_text_is_inert(fake):
    """Control, bidirectional and invisible characters of a node never reach the terminal."""
    name = r"\u001b[31m\u202e\u200bx\u0007\u009b"
    fake.answer("list:nodes", f"([{{'id': <'{name}'>}}], '', uint32 1)") \
        .answer("get:nodes:x", f"{{'id': <'{name}'>, 'notes': <'one {name}\\ntwo {name}'>}}") \
        .answer("explain", f"{{'lines': <['{name}']>, 'advice': <'{name}'>}}") \
        .answer("rule-stop", "!bad-input " + name.encode().decode("unicode_escape")) \
        .answer("events", f"([{{'id': <int64 1>, 'type': <'{name}'>, 'text': <'{name}'>}}], int64 1)") \
        .answer("rule-preview", f"{{'matching': <uint32 1>, 'sample': <['{name}']>, 'warnings': <['{name}']>}}") \
        .answer("get:plugins:x", f"{{'name': <'{name}'>, 'setup': <'{name}'>, "
                                 f"'codes': <[{{'code': <'1'>, 'meaning': <'{name}'>}}]>}}").start()
    for words, status in [(["nodes"], 0), (["nodes", "show", "x"], 0), (["explain", "x"], 0), (["events"], 0),
                          (["rules", "stop", "3"], 2), (["rules", "start", "3", "-y"], 0),
                          (["plugins", "show", "x"], 0), (["code", "x", "1"], 0)]:
        result = fake.ctl(*words, status=status)
        shown = result.stdout + result.stderr
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]", shown), words
        assert "\\x1b" in shown and "\\u{202e}" in shown, words


def test_json_is_ascii_and_stable(fake):
    fake.answer("list:nodes", r"([{'z': <'\u202e'>, 'a': <int64 1>, 'm': <[true]>, 'd': <1.5>, "
                              r"'big': <uint64 18446744073709551615>}], '', uint32 1)").start()
    result = fake.ctl("nodes", "--json")
    assert result.stdout.isascii()
    assert json.loads(result.stdout)["rows"] == [{"a": 1, "big": "18446744073709551615", "d": 1.5, "m": [True],
                                                  "z": "\u202e"}]
    assert result.stdout == fake.ctl("nodes", "--json").stdout
    assert list(json.loads(result.stdout)["rows"][0]) == ["a", "big", "d", "m", "z"]


def test_colour_only_on_a_terminal(fake):
    fake.answer("list:updates", "([{'id': <int64 1>, 'state': <'failed'>}], '', uint32 1)").start()
    assert "\033" not in fake.ctl("updates").stdout
    assert "\033[1;31mfailed\033[0m" in fake.terminal("updates")[1]


def test_no_color_is_respected(fake, monkeypatch):
    fake.answer("list:updates", "([{'id': <int64 1>, 'state': <'failed'>}], '', uint32 1)").start()
    monkeypatch.setitem(ENVIRONMENT, "NO_COLOR", "1")
    assert "\033" not in fake.terminal("updates")[1]


def test_details(fake):
    fake.answer("status", "{'version': <'0.1.0'>, 'nodes': <uint32 3>, 'updates': <{'failed': <uint32 1>}>, "
                          "'links': <[{'worker': <'lan'>, 'state': <'running'>}]>}").start()
    assert fake.ctl("status").stdout == ("version: 0.1.0\nnodes:   3\nupdates: failed=1\n\n"
                                         "links\nWORKER  STATE\nlan     running\n")
    assert fake.json("status")["links"] == [{"worker": "lan", "state": "running"}]


def test_explain_fits(fake):
    fake.answer("explain", "{'lines': <['node roof runs version 3, which was heard two hours ago, and there is a "
                           "rule for it that would give it version 5']>, 'advice': <'wait until 22:00'>}").start()
    lines = fake.ctl("explain", "roof").stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[-2:] == ["advice:", "  wait until 22:00"]


def test_events_fit(fake):
    text = "a long story " * 12
    fake.answer("events", f"([{{'id': <int64 7>, 'time': <int64 1795262400000>, 'type': <'node.set'>, "
                          f"'text': <'{text.strip()}'>}}], int64 7)").start()
    lines = fake.ctl("events").stdout.splitlines()
    assert len(lines) > 2 and all(len(line) <= 80 for line in lines)
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert len(fake.ctl("events", "--wide").stdout.splitlines()) == 1


def test_times_that_never_were_are_blank(fake):
    fake.answer("get:nodes:x", "{'id': <'x'>, 'first': <int64 0>, 'last': <int64 1795262400000>}").start()
    assert fake.ctl("nodes", "show", "x").stdout == "id:    x\nlast:  2026-11-21 12:00:00\n"


def test_help_is_complete(build):
    """Every command that the program's help names has a help of its own that fits 80 columns."""
    def run(*words):
        return subprocess.run([build / "gatewayd/gatewayctl", *words], capture_output=True, text=True, check=False,
                              env=ENVIRONMENT, timeout=30)
    whole = run("--help")
    assert whole.returncode == 0 and all(len(line) <= 80 for line in whole.stdout.splitlines())
    lines = whole.stdout.split("Commands\n")[1].split("\nOptions of every command")[0].splitlines()
    names = [re.match(r"  ([a-z]+(?: [a-z-]+)?)(?= [\[A-Z]|  )", line) for line in lines if line.startswith("  ") and
             line[2] != " "]
    assert len(names) >= 30 and all(names)
    for name in names:
        result = run(*name[1].split(), "--help")
        assert result.returncode == 0 and result.stdout.startswith(f"Usage: gatewayctl {name[1]}"), name[1]
        assert "--json" in result.stdout
        assert all(len(line) <= 80 for line in result.stdout.splitlines()), name[1]
    assert run().returncode == 2 and run().stdout == whole.stdout
    assert run("--version").stdout.startswith("gatewayctl ")
