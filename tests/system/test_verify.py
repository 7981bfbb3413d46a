# SPDX-License-Identifier: LGPL-2.1-or-later
"""A firmware is proven on one node through the real processes, and by no door goes to many before that."""
import time

from gateway import wait_for

from test_spine import prepared


def refused(one, *words):
    result = one.gateway.ctl(*words, is_checked=False)
    assert result.returncode != 0, result.stdout
    return result.stderr


def standing(one, firmware):
    row = one.gateway.json("firmware", "show", firmware)
    return row["state"], row["verification"], row["trial-node"]


def test_U10_one_node_then_all(site):
    """The make never tells its version: inferred success proves nothing, a person's eyes do."""
    one, image, firmware = prepared(site, "a", "b")
    assert standing(one, firmware) == ("unverified", "open", "")
    one.gateway.ctl("rules", "create", "all", f"--firmware={firmware}", "--include-unknown")
    assert "is unverified" in refused(one, "rules", "start", "all", "--yes")
    one.gateway.ctl("firmware", "verify", firmware, "--node=a")
    assert standing(one, firmware) == ("verifying", "bringing", "a")
    one.says("a", "running version 5")
    one.wait_update("a", "succeeded")
    assert one.got("a") == image
    time.sleep(1)
    assert standing(one, firmware) == ("verifying", "bringing", "a")
    assert "loading" not in one.nodes["b"].text()
    assert "is verifying" in refused(one, "rules", "start", "all", "--yes")
    assert "say what you saw" in refused(one, "firmware", "confirm", firmware)
    one.confirm(firmware, "a", 5)
    assert standing(one, firmware) == ("verified", "proven", "")
    one.gateway.ctl("rules", "start", "all", "--yes")
    one.says("b", "running version 5")
    assert one.got("b") == image


def test_named_node_is_online(site):
    one, _, firmware = prepared(site, "a")
    assert "there is no node" in refused(one, "firmware", "verify", firmware, "--node=nowhere")
    one.gateway.ctl("nodes", "set", "shelf", "--product=weather")
    assert "was never heard" in refused(one, "firmware", "verify", firmware, "--node=shelf")
    one.gateway.ctl("firmware", "verify", firmware, "--node=a")


def test_ended_and_rejected(site):
    one, _, firmware = prepared(site, "a")
    one.nodes["a"].kill()
    one.gateway.ctl("firmware", "verify", firmware, "--node=a")
    one.gateway.ctl("firmware", "unverify", firmware, "--reason=wrong node")
    row = one.gateway.json("firmware", "show", firmware)
    assert row["state"] == "unverified" and "wrong node" in row["reason"]
    assert one.gateway.row("rules", "push", True)["state"] == "stopped"
    one.gateway.ctl("firmware", "reject", firmware, "--reason=it burns")
    one.cloud.publish("product=weather,version=5,file=fw.bin")  # a newer document, with the same release
    wait_for("the new catalog", lambda: one.gateway.row("upstreams", "name", "cloud")["sequence"] == 2)
    row = one.gateway.json("firmware", "show", firmware)
    assert row["state"] == "rejected" and "it burns" in row["reason"]
    assert "is rejected" in refused(one, "push", "--firmware", firmware, "a")


def test_U10_trusted_cloud(site):
    one = site(upstream="trust-verification=cloud")
    image = one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    firmware = one.firmware(5, "verified")["id"]
    assert "upstream cloud is trusted" in one.gateway.json("firmware", "show", firmware)["proof"]
    one.node("a")
    one.adopt("a")
    one.rule("all", firmware)
    one.says("a", "running version 5")
    assert one.got("a") == image


def test_U10_survives_a_crash(site):
    """Killed while one node tries it: it still is the only one afterwards."""
    one, _, firmware = prepared(site, "a", "b")
    one.gateway.ctl("firmware", "verify", firmware, "--node=a")
    one.gateway.kill("core")
    wait_for("the core", lambda: one.gateway.ctl("status", is_checked=False).returncode == 0)
    assert standing(one, firmware)[0] == "verifying"
    one.says("a", "running version 5", seconds=60)
    assert "loading" not in one.nodes["b"].text()
