# SPDX-License-Identifier: LGPL-2.1-or-later
"""gatewayctl: tables in and out, and what is done to many nodes at once."""
import csv
import io
import json

import pytest
from ctl_fake import Bus, FakeGateway

NODES = """([{'id': <'=HYPERLINK("x")'>, 'product': <'weather'>, 'labels': <['roof', 'spare']>, 'adopted': <true>,
 'location': <'Plant 2, Roof'>, 'last': <int64 1795262400000>, 'first': <int64 0>, 'contacts': <int64 7>}], 'next', uint32 2)"""
MORE = """([{'id': <'b'>, 'labels': <@as []>, 'location': <'say "hi"'>, 'adopted': <false>}], '', uint32 2)"""


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


# --- out ---

def test_export_csv(fake):
    """Every page, quoted as RFC 4180 wants it, and nothing in it that a spreadsheet would run."""
    fake.answer("list:nodes", NODES).answer("list:nodes@next", MORE).start()
    text = fake.ctl("export", "nodes").stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == ["'=HYPERLINK(\"x\")", "b"]
    assert rows[0]["labels"] == "roof; spare" and rows[0]["location"] == "Plant 2, Roof" and rows[0]["adopted"] == "yes"
    assert rows[0]["last"] == "2026-11-21T12:00:00Z" and rows[0]["first"] == "" and rows[0]["contacts"] == "7"
    assert rows[1]["location"] == 'say "hi"' and rows[1]["product"] == ""
    assert len(fake.calls()) == 2


def test_export_json(fake):
    """One document, and what was said as it was said."""
    fake.answer("list:nodes", NODES).answer("list:nodes@next", MORE).start()
    rows = json.loads(fake.ctl("export", "nodes", "--format=json", "--filter=product=w*").stdout)
    assert [row["id"] for row in rows] == ['=HYPERLINK("x")', "b"]
    assert "{'product': <'w*'>}" in fake.calls()[0]


def test_export_of_nothing(fake):
    fake.start()
    assert len(fake.ctl("export", "updates").stdout.splitlines()) == 1
    assert json.loads(fake.ctl("export", "timeline", "--format=json").stdout) == []
    assert fake.ctl("export", "statistics", "--by=location").stdout.startswith("location,updates,open,")
    assert "csv or json" in fake.ctl("export", "nodes", "--format=xml", status=2).stderr


def test_export_that_cannot_be_written(fake):
    fake.answer("list:nodes", NODES).answer("list:nodes@next", MORE).start()
    result = fake.ctl("export", "nodes", prefix=("sh", "-c", '"$@" > /dev/full; test $? -ne 0', "sh"))
    assert "could not be written" in result.stderr


# --- in ---

def test_import(fake, tmp_path):
    table = tmp_path / "nodes.csv"
    table.write_text("id,product\na,weather\n")
    fake.start()
    assert "1 node new, 2 changed, 3 as before; nothing was done" in fake.ctl("nodes", "import", table, "--dry-run").stdout
    assert fake.calls() == ["nodes-import ('id,product\\na,weather\\n', true)"]
    assert fake.ctl("nodes", "import", table).stdout == "1 node new, 2 changed, 3 as before\n"
    assert fake.json("nodes", "import", table) == {"added": 1, "changed": 2, "same": 3}


def test_import_of_bad_tables(fake, tmp_path):
    table = tmp_path / "nodes.csv"
    fake.answer("nodes-import", "!bad-input line 3: there is no product \"wether\"").start()
    table.write_bytes(b"id\n\xff\n")
    assert "CSV UTF-8" in fake.ctl("nodes", "import", table, status=2).stderr
    table.write_text("id\n")
    assert "nodes.csv: line 3: there is no product" in fake.ctl("nodes", "import", table, status=2).stderr
    fake.ctl("nodes", "import", tmp_path / "absent", status=4)


# --- many at once ---

def test_set_aside_asks_back(fake):
    """The number is known before the question, and no means no."""
    fake.start()
    status, shown = fake.terminal("nodes", "set-aside", "--location=Plant 2/**", "--reason=works",
                                  prompts=[("2 nodes would be set aside", "n\n")])
    assert status != 0 and "2 nodes would be set aside" in shown
    assert fake.calls() == ["set-aside ({'location': <'Plant 2/**'>}, true, 'works', true)"]
    assert fake.ctl("nodes", "set-aside", "a", "b", "--label=x", "--yes").stdout == "2 nodes set aside\n"
    assert fake.calls()[-1] == "set-aside ({'label': <'x'>, 'nodes': <['a', 'b']>}, true, '', false)"
    assert fake.ctl("nodes", "return", "--product=p", "--yes").stdout == "2 nodes returned\n"
    assert fake.calls()[-1] == "set-aside ({'product': <'p'>}, false, '', false)"


def test_replace_asks_back(fake):
    fake.start()
    fake.ctl("nodes", "replace", "a", "b", status=2)
    assert not fake.calls()
    assert "b has the place of a" in fake.ctl("nodes", "replace", "a", "b", "--yes").stdout
