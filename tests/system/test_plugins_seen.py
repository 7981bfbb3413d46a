# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong with a plugin, or with its name, is said where an operator looks, or types it."""
from gateway import PLUGIN_FOLDERS, wait_for


def test_a_refused_plugin_is_listed(gateway, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "broken.so").write_bytes(b"no shared object")
    one = gateway()
    one.plugin_folders = [*PLUGIN_FOLDERS, folder]
    one.start()
    wait_for("the objection", lambda: one.row("plugins", "state", "refused"))
    (row,) = [row for row in one.rows("plugins") if row["state"] == "refused"]
    assert "broken" in row["name"] and "broken.so" in row["reason"] and row["kind"] == ""
    assert "broken.so" in one.ctl("status").stdout and one.ctl("plugins", "show", row["name"]).returncode == 0
    assert one.row("plugins", "name", "harmony")["state"] == "running", "the rest runs"


def test_a_product_of_no_make(gateway):
    one = gateway().start()
    wait_for("the transport", lambda: one.row("plugins", "name", "harmony"))
    failed = one.ctl("product", "set", "weather", "--plugin=harmny", is_checked=False)
    assert failed.returncode == 2 and 'did you mean "harmony"?' in " ".join(failed.stderr.split())
    failed = one.ctl("product", "set", "weather", "--plugin=directory", is_checked=False)
    assert failed.returncode == 2 and "no transport" in failed.stderr, "an upstream is none"
    assert one.rows("products") == []
    one.ctl("product", "set", "weather", "--plugin=harmony")


def test_a_place_that_is_none_is_refused_where_it_is_typed(gateway):
    one = gateway().start()
    one.config.write_text("[plugin harmony]\nlisten=:8001, 8000\n")
    failed = one.ctl("reload", is_checked=False)
    assert failed.returncode == 2 and "gatewayd.conf:2: listen=:8001, 8000: expected ADDRESS:PORT" in failed.stderr
    assert 'and not "8000"' in " ".join(failed.stderr.split())
