# SPDX-License-Identifier: LGPL-2.1-or-later
"""One image from a cloud to unmodified nodes, the whole way, and the nodes that spoil it."""
import time

from gateway import wait_for


def prepared(site, *names, version=5, **options):
    """A started site with one signed, unverified release and adopted nodes."""
    one = site(**options)
    image = one.cloud.image("fw.bin")
    one.cloud.publish(f"product=weather,version={version},file=fw.bin")
    one.start()
    for name in names:
        one.node(name)
    one.adopt(*names)
    return one, image, one.firmware(version, "unverified")["id"]


def test_push_confirm_rule_inferred(site):
    one, image, firmware = prepared(site, "a", "b", "c")
    one.push(firmware, "a")
    one.says("a", "running version 5")
    assert one.got("a") == image
    one.confirm(firmware, "a", 5)
    one.rule("all", firmware)
    for name in "bc":
        one.says(name, "running version 5")
        assert one.got(name) == image
    for name in "abc":
        row = one.wait_update(name, "succeeded")
        assert row["inferred"] is True
    assert len(one.cloud.gets("fw.bin")) == 1


def test_strangers_get_nothing(site):
    one, _, firmware = prepared(site, "a")
    one.push(firmware, "a")
    one.says("a", "running version 5")
    one.confirm(firmware, "a", 5)
    one.rule("all", firmware)
    one.node("stranger")
    wait_for("the stranger in the registry", lambda: one.gateway.row("nodes", "id", "stranger"))
    wait_for("five polls", lambda: one.nodes["stranger"].text().count("nothing due") >= 5)
    assert "loading" not in one.nodes["stranger"].text() and one.update("stranger") is None
    assert "adopt" in one.gateway.ctl("explain", "stranger").stdout


def test_rules_take_nothing_unverified_U10(site):
    one, _, firmware = prepared(site, "a", "b")
    refused = one.gateway.ctl("rules", "create", "early", f"--firmware={firmware}", "--include-unknown",
                              is_checked=False)
    if refused.returncode == 0:
        refused = one.gateway.ctl("rules", "start", "early", "--yes", is_checked=False)
    assert refused.returncode != 0 and "unverified" in refused.stderr
    one.push(firmware, "a")
    one.says("a", "running version 5")
    time.sleep(1)
    assert "loading" not in one.nodes["b"].text()


def test_inferred_success_does_not_verify(site):
    one, _, firmware = prepared(site, "a")
    one.push(firmware, "a")
    one.wait_update("a", "succeeded")
    assert one.gateway.row("firmware", "id", firmware)["state"] in ("unverified", "verifying")


def test_node_that_dies_after_the_last_byte_never_succeeds(site):
    one, _, firmware = prepared(site)
    dying = one.node("dying", "--lie=die-at-end")
    one.adopt("dying")
    one.push(firmware, "dying")
    wait_for("its death", lambda: not dying.is_running())
    one.wait_update("dying", "downloaded")
    time.sleep(3)
    assert one.update("dying")["state"] == "downloaded"
    assert "dying" in one.gateway.ctl("explain", "dying").stdout


def test_node_that_refuses_the_image_never_succeeds(site):
    one, _, firmware = prepared(site)
    one.node("refuses", "--lie=refuse")
    one.adopt("refuses")
    one.push(firmware, "refuses")
    one.says("refuses", "image failed")
    time.sleep(3)
    assert one.update("refuses")["state"] == "downloaded"


def test_node_that_loops_fails(site):
    one, _, firmware = prepared(site)
    one.node("loops", "--lie=loop")
    one.adopt("loops")
    one.push(firmware, "loops")
    row = one.wait_update("loops", "failed", seconds=40)
    assert one.nodes["loops"].text().count("boot loader fell back") >= 2
    assert row["attempts"] >= 2


def test_node_that_dies_in_mid_image_needs_a_power_cycle_and_may_try_again(site):
    one, image, firmware = prepared(site)
    dying = one.node("dying", "--lie=die-in-middle", "--flash-us=2000")
    one.adopt("dying")
    one.push(firmware, "dying")
    wait_for("its death", lambda: not dying.is_running())
    wait_for("the explanation", lambda: "power" in one.gateway.ctl("explain", "dying").stdout)
    assert one.update("dying")["state"] not in ("downloaded", "succeeded")
    one.node("dying")
    one.says("dying", "running version 5", 30)
    assert one.got("dying") == image
    one.wait_update("dying", "succeeded", seconds=30)


def test_pin_holds_while_the_cloud_moves_on(site):
    """A node that was given version 5's manifest gets version 5, although 6 was published and pushed meanwhile."""
    one, image, firmware = prepared(site, "a")
    one.push(firmware, "a")
    one.says("a", "loading version 5")
    one.cloud.image("fw6.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin", "product=weather,version=6,file=fw6.bin")
    one.says("a", "running version 5")
    assert one.got("a") == image


def test_withdrawn_is_offered_to_nobody(site):
    one, _, firmware = prepared(site, "a", "b")
    one.push(firmware, "a")
    one.says("a", "running version 5")
    one.confirm(firmware, "a", 5)
    one.gateway.ctl("firmware", "withdraw", firmware, "--reason=recalled")
    refused = one.gateway.ctl("push", "--firmware", firmware, "b", is_checked=False)
    assert refused.returncode != 0 and "withdrawn" in refused.stderr
    time.sleep(1)
    assert "loading" not in one.nodes["b"].text()


def test_import_and_push_a_file_in_one_step(site, tmp_path):
    one = site().start()
    one.node("a")
    one.adopt("a")
    image = one.cloud.image("ignored.bin")
    path = tmp_path / "weather-7.bin"
    path.write_bytes(image)
    one.gateway.ctl("push", path, "a", "--version=7")
    one.says("a", "running version 7")
    assert one.got("a") == image


def test_hex_file_and_small_image_are_refused_with_the_reason(site, tmp_path):
    one = site().start()
    path = tmp_path / "boot.hex"
    path.write_text(":020000040000FA\n" * 1000)
    refused = one.gateway.ctl("import", path, "--product=weather", "--version=7", is_checked=False)
    assert refused.returncode != 0 and "upload the .bin of hex2bin" in refused.stderr
    path = tmp_path / "small.bin"
    path.write_bytes(b"x" * 4096)
    refused = one.gateway.ctl("import", path, "--product=weather", "--version=7", is_checked=False)
    assert refused.returncode != 0 and "4096 bytes" in refused.stderr


def test_cap_of_a_rule_holds(site):
    one, _, firmware = prepared(site, "first")
    one.push(firmware, "first")
    one.says("first", "running version 5")
    one.confirm(firmware, "first", 5)
    names = [f"n{i}" for i in range(4)]
    for name in names:
        one.node(name, "--flash-us=20000")
    one.adopt(*names)
    one.rule("all", firmware, "--cap=1")
    for name in names:
        one.says(name, "running version 5", 40)
    loads = sorted((one.gateway.json("updates", "show", one.update(name)["id"])["history"] for name in names),
                   key=lambda history: history[0]["time"])
    assert all(loads), "each update has a history"


def test_closed_window_gives_nothing(site):
    one, _, firmware = prepared(site, "a", "b")
    one.push(firmware, "a")
    one.says("a", "running version 5")
    one.confirm(firmware, "a", 5)
    hour = (time.gmtime().tm_hour + 12) % 24
    one.rule("night", firmware, f"--hours={hour:02d}:00-{hour:02d}:30")
    time.sleep(1.5)
    assert "loading" not in one.nodes["b"].text()
    assert f"{hour:02d}:00" in one.gateway.ctl("explain", "b").stdout


def test_directory_upstream_bare_file_becomes_a_draft(site, tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    one = site(more=f"[upstream stick]\ntype=directory\npath={folder}\npoll=300ms\nsettle=300ms\n").start()
    (folder / "weather-9.bin").write_bytes(b"\x00\x01" * 5000)
    row = wait_for("the draft", lambda: one.gateway.row("firmware", "state", "draft"))
    one.gateway.ctl("firmware", "edit", row["id"], "--product=weather", "--version=9")
    one.node("a")
    one.adopt("a")
    one.push(row["id"], "a")
    one.says("a", "running version 9")
    assert one.got("a") == b"\x00\x01" * 5000


def test_nodes_are_known_by_mac_in_a_real_network(site, lan):
    one = site(lan=lan)
    image = one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    for number in (1, 2):
        one.node(f"n{number}", path="/ota.json", prefix=lan.node(number))
    for number in (1, 2):
        row = wait_for("the node by its MAC", lambda number=number: one.gateway.row("nodes", "id", lan.mac(number)))
        assert row["address"] == lan.address(number)
    one.gateway.ctl("nodes", "adopt", lan.mac(1), "--product=weather")
    one.push(one.firmware(5)["id"], lan.mac(1))
    one.says("n1", "running version 5")
    assert one.got("n1") == image
    assert "loading" not in one.nodes["n2"].text()
    one.wait_update(lan.mac(1), "succeeded")
