# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a hostile reviewer tried against the whole gateway, and what came of it. The number of the promise stands in
the name where there is one."""
import shutil
import subprocess
import time

from gateway import wait_for
from test_promises import fetch
from test_spine import prepared

OTHER_CLOUD = """[upstream other]
type=http-catalog
url={url}/other.json
poll=300ms
require-signature=no
"""


def refused(one, *words):
    """What gatewayctl said when it refused these words."""
    result = one.gateway.ctl(*words, is_checked=False)
    assert result.returncode != 0, f"{words} was not refused: {result.stdout}"
    return result.stderr


# --- the truth about nodes -----------------------------------------------------------------------------------------

def test_another_device_under_the_same_name_proves_nothing(site, lan):
    """A node dies after the last byte; another device that runs a newer version polls under its name."""
    one, _, firmware = prepared(site, lan=lan)
    dying = one.node("dying", "--lie=die-at-end", prefix=lan.node(1))
    one.adopt("dying")
    one.push(firmware, "dying")
    wait_for("its death", lambda: not dying.is_running())
    one.wait_update("dying", "downloaded")
    other = one.node("other", path="/n/dying/ota.json", version=9, prefix=lan.node(2))
    wait_for("ten polls", lambda: other.text().count("not newer") >= 10)
    time.sleep(1)
    assert one.update("dying")["state"] == "downloaded"
    events = one.gateway.json("events", "--limit=500")["events"]
    assert [row["node"] for row in events if row["type"] == "node.two-devices"] == ["dying"]


def test_withdrawn_while_it_downloads_is_no_success(site):
    one, image, firmware = prepared(site)
    one.node("a", "--flash-us=20000")
    one.adopt("a")
    one.push(firmware, "a")
    one.says("a", "loading version 5")
    one.gateway.ctl("firmware", "withdraw", firmware, "--reason=recalled")
    one.says("a", "running version 5", 30)
    assert one.got("a") == image  # never cut, and never half an image
    row = one.wait_update("a", "cancelled", "succeeded")
    assert row["state"] == "cancelled" and "outcome unknown" in row["reason"]


def test_group_that_was_entered_by_hand_is_a_group(site):
    one, _, firmware = prepared(site)
    one.gateway.ctl("nodes", "set", "barn", "--product=weather")
    one.push(firmware, "barn")
    one.node("one", "--lie=die-at-end", path="/g/barn/ota.json")
    one.node("two", path="/g/barn/ota.json", version=9)
    wait_for("a download", lambda: "verified" in one.nodes["one"].text())
    wait_for("ten polls", lambda: one.nodes["two"].text().count("not newer") >= 10)
    assert [row["id"] for row in one.gateway.rows("nodes")] == ["barn"]
    assert one.update("barn")["state"] not in ("downloaded", "succeeded")


# --- what a release is ---------------------------------------------------------------------------------------------

def test_U3_signed_release_is_not_renamed(site):
    """The catalog's signature binds image, product and version; a key is for its products."""
    one = site()
    one.cloud.image("fw.bin")
    one.cloud.publish("product=pump,version=5,file=fw.bin")
    one.start()
    firmware = one.firmware(5)["id"]
    for form in ("--product=weather", "--version=9", "--hardware=B"):
        assert "signed as pump 5" in refused(one, "firmware", "edit", firmware, form)
    one.gateway.ctl("firmware", "edit", firmware, "--notes=seen")
    assert one.gateway.row("firmware", "id", firmware)["product"] == "pump"


def test_firmware_on_its_way_is_not_renamed(site, tmp_path):
    """A node that was told of version 7 is not told of version 9 with the same bytes."""
    one = site().start()
    one.node("a", "--flash-us=20000")
    one.adopt("a")
    path = tmp_path / "weather-7.bin"
    path.write_bytes(one.cloud.image("ignored.bin"))
    one.gateway.ctl("push", path, "a", "--version=7")
    firmware = one.firmware(7)["id"]
    assert "is verifying" in refused(one, "firmware", "edit", firmware, "--version=9")
    one.says("a", "running version 7", 30)
    assert "version 9" not in one.nodes["a"].text()


def test_U4_unsigned_catalog_does_not_take_over_a_signed_release(site):
    """It would lend it its own expiry and its own URL."""
    one = site()
    one.gateway.config.write_text(one.gateway.config.read_text() + OTHER_CLOUD.format(url=one.cloud.url))
    one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.firmware(5)
    shutil.copy(one.cloud.files / "catalog.json", one.cloud.files / "other.json")
    wait_for("the other catalog", lambda: any(
        row["type"] == "upstream.catalog" and "from other" in row["text"]
        for row in one.gateway.json("events", "--limit=500")["events"]))
    row = one.firmware(5)
    assert row["upstream"] == "cloud" and row["signed"] is True


def test_U10_stranger_proves_nothing(site):
    one, _, firmware = prepared(site)
    one.node("stranger")
    wait_for("the stranger", lambda: one.gateway.row("nodes", "id", "stranger"))
    assert "not adopted" in refused(one, "firmware", "confirm", firmware, "--node=stranger", "--version=5")
    assert one.gateway.row("firmware", "id", firmware)["state"] == "unverified"


def test_withdrawn_while_it_is_fetched_stays_withdrawn(site):
    one, _, firmware = prepared(site, "a")
    one.cloud.image("fw.bin", size=60_000_000)
    one.cloud.publish("product=weather,version=6,file=fw.bin")
    six = one.firmware(6)["id"]
    one.push(six, "a")
    one.gateway.ctl("firmware", "withdraw", six, "--reason=recalled")
    time.sleep(2)
    row = one.gateway.row("firmware", "id", six)
    assert (row["state"], row["reason"]) == ("withdrawn", "recalled")
    one.cloud.publish("product=weather,version=6,file=fw.bin")
    wait_for("the next catalog", lambda: any(
        row["type"] == "upstream.catalog" and "catalog 3 " in row["text"]
        for row in one.gateway.json("events", "--limit=500")["events"]))
    assert one.gateway.row("firmware", "id", six)["state"] == "withdrawn"


# --- the process ---------------------------------------------------------------------------------------------------

def test_mac_in_another_spelling_is_the_same_node(site):
    one = site().start()
    core = one.gateway.processes["core"].pid
    fetch(one, "/n/02:00:00:00:00:ab/ota.json")
    wait_for("the node", lambda: one.gateway.row("nodes", "id", "02:00:00:00:00:ab"))
    one.gateway.ctl("nodes", "set", "02:00:00:00:00:AB", "--location=barn")
    assert [row["location"] for row in one.gateway.rows("nodes")] == ["barn"]
    assert one.gateway.processes["core"].pid == core


def test_second_core_takes_nothing_away(site):
    """It is refused, and the first one's workers still find their sockets."""
    one = site().start()
    second = subprocess.run([str(word) for word in one.gateway.commands()["core"]], capture_output=True, text=True,
                            timeout=10, check=False)
    assert second.returncode != 0 and "another gatewayd" in second.stderr
    one.gateway.kill("lan")

    def is_served():
        try:
            return b"200" in fetch(one, "/n/late/ota.json", 1)
        except OSError:
            return False
    wait_for("the worker", is_served)
    wait_for("the node", lambda: one.gateway.row("nodes", "id", "late"))
