# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is passed on to a vendor's own cloud, through the real daemons: once for equal questions, so many times a day,
never to ourselves, and answered without the cloud when it is away."""
import http.client
import sys
import threading

import pytest

from gateway import PLUGIN_FOLDERS, SOURCE, Gateway, free_port, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes/cloud"))
from vendor import Names, Vendor  # noqa: E402

CONFIG = """[clock]
trust=always
[wan]
passthrough-resolver=127.0.0.1:{dns}
{wan}
[plugin openluat]
listen=127.0.0.1:{port}
passthrough=http://iot.openluat.com:{vendor}
{plugin}
[plugin harmony]
enabled=no
"""
CHECK, REPORT, IMEI = "/api/site/firmware_upgrade", "/api/site/firmware_result", "866888020000001"
REFUSAL = b'{"code": 44, "msg": "base missing"}'


class Site:
    def __init__(self, build, folder, wan="", plugin="", address="127.0.0.2"):
        self.vendor = Vendor()
        self.vendor.replies[CHECK] = (400, REFUSAL, {"Content-Type": "application/json"})
        self.vendor.replies[REPORT] = (201, b"thanks", {"Content-Type": "text/plain"})
        self.names = Names({"iot.openluat.com": address} if address else {})
        self.port = free_port()
        self.gateway = Gateway(build, folder / "gateway", CONFIG.format(
            dns=self.names.port, vendor=self.vendor.port, port=self.port, wan=wan, plugin=plugin))
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/openluat"]
        self.gateway.start()
        wait_for("the transport", lambda: self.gateway.row("plugins", "name", "openluat"))
        wait_for("the WAN worker", lambda: "connected" in self.gateway.processes["wan"].text())

    def ask(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Host": "iot.openluat.com", **headers})
        reply = connection.getresponse()
        return reply.status, reply.read()

    def check(self, imei=IMEI):
        return self.ask(f"{CHECK}?imei={imei}&version=1.0.0")

    def adopt(self, imei=IMEI):
        self.gateway.ctl("product", "set", "meter", "--plugin=openluat")
        self.check(imei)
        wait_for("the node", lambda: self.gateway.row("nodes", "id", imei))
        self.gateway.ctl("nodes", "adopt", imei, "--product=meter")

    def stop(self):
        self.gateway.stop()
        self.vendor.go_away()
        self.names.stop()


def timeline_of(one):
    return one.gateway.ctl("nodes", "timeline", IMEI).stdout


@pytest.fixture
def site(build, tmp_path, request):
    sites = []

    def make(**options):
        sites.append(Site(build, tmp_path, **options))
        return sites[-1]

    yield make
    for one in sites:
        if request.node.report_call.failed:
            print(one.gateway.logs()[-20000:])
        one.stop()


def test_a_report_reaches_the_vendor_and_its_word_the_node(site):
    one = site()
    assert one.ask(f"{REPORT}?imei={IMEI}", "POST", b"result=0", **{"Content-Type": "text/x-result", "X-Other": "no"}) \
        == (201, b"thanks")
    asked = one.vendor.requests[-1]
    assert (asked["method"], asked["path"], asked["body"]) == ("POST", f"{REPORT}?imei={IMEI}", b"result=0")
    assert asked["headers"]["Content-Type"] == "text/x-result" and "X-Other" not in asked["headers"]
    assert asked["headers"]["Host"] == f"iot.openluat.com:{one.vendor.port}" and "gatewayd" in asked["headers"]["Via"]


def test_a_miss_asks_the_vendor_once_and_its_refusal_is_repeated(site):
    one = site()
    one.adopt()
    before = one.vendor.count(CHECK)
    assert [one.check() for _ in range(5)] == [(400, REFUSAL)] * 5
    assert one.vendor.count(CHECK) - before == 1


def test_equal_questions_at_once_are_one(site):
    one = site()
    one.adopt()
    one.vendor.delay, before = 1, one.vendor.count(CHECK)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(one.ask(f"{CHECK}?imei={IMEI}&version=2.0.0")))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(400, REFUSAL)] * 6 and one.vendor.count(CHECK) - before == 1


def test_a_nodes_questions_of_a_day_are_counted(site):
    one = site(plugin="passthrough-quota=2")
    one.adopt()
    before = one.vendor.count(CHECK)
    texts = [one.ask(f"{CHECK}?imei={IMEI}&version=1.0.{i}")[1] for i in range(5)]
    assert texts.count(REFUSAL) == one.vendor.count(CHECK) - before == 2
    assert all(b'"code": 27' in text for text in texts[2:])
    assert one.ask(f"{REPORT}?imei={IMEI}", "POST", b"result=0") == (201, b"thanks"), "a report is no question"


def test_a_cloud_that_is_away_is_answered_for(site):
    one = site()
    one.adopt()
    assert one.check() == (400, REFUSAL)
    one.vendor.go_away()
    assert one.ask(f"{REPORT}?imei={IMEI}", "POST", b"result=0") == (200, b"")
    wait_for("what became of it", lambda: f"POST {REPORT}: its vendor gave no reply: " in timeline_of(one))
    assert f"{REPORT}: passed on" not in timeline_of(one)
    assert one.check() == (400, REFUSAL)
    status, text = one.ask(f"{CHECK}?imei={IMEI}&version=3.0.0")
    assert status == 400 and b'"code": 27' in text
    assert f"GET {CHECK}: passed on to its vendor, who said 400" in timeline_of(one)


def test_a_slow_cloud_is_not_waited_for(site):
    one = site()
    one.adopt()
    one.vendor.delay = 8
    status, text = one.ask(f"{CHECK}?imei={IMEI}&version=4.0.0")
    assert status == 400 and b'"code": 27' in text
    wait_for("the reply for those who ask later",
             lambda: one.ask(f"{CHECK}?imei={IMEI}&version=4.0.0")[1] == REFUSAL, 40)


def test_a_host_that_is_ourselves_is_refused(site):
    """Somebody listens there: it is never spoken to."""
    one = site(address="127.0.0.1")
    one.vendor.go_away()
    one.vendor.address = "127.0.0.1"
    one.vendor.start()
    assert one.ask(f"{REPORT}?imei={IMEI}", "POST", b"result=0") == (200, b"")
    wait_for("the reason", lambda: "our own" in one.gateway.processes["core"].text())
    assert not one.vendor.requests


def test_without_a_way_to_the_vendor_the_sites_resolver_is_not_asked(site):
    one = site(address=None)
    assert one.ask(f"{REPORT}?imei={IMEI}", "POST", b"result=0") == (200, b"")
    assert one.names.asked.count("iot.openluat.com") >= 1 and not one.vendor.requests


def test_a_pinned_address_needs_no_resolver(site):
    one = site(address=None, wan="passthrough-address=iot.openluat.com 127.0.0.2")
    assert one.ask(REPORT, "POST", b"result=0") == (201, b"thanks")
    assert not one.names.asked


def test_what_came_through_a_gateway_is_not_passed_on_again(site):
    one = site()
    assert one.ask(REPORT, "POST", b"result=0", Via="1.1 gatewayd") == (200, b"")
    assert not one.vendor.requests


def test_passing_on_can_be_switched_off(site):
    one = site(plugin="")
    one.gateway.config.write_text(one.gateway.config.read_text().replace("passthrough=http", "passthrough=no\n#"))
    one.gateway.ctl("reload")
    wait_for("the new configuration", lambda: one.ask(REPORT, "POST", b"result=0") == (200, b""))


def test_no_firmware_comes_around_the_rules(site):
    """Paths that the vendor may read as its update check, and replies that are firmware wherever they come from."""
    one = site(plugin="path=/other/path\npassthrough-quota=1000")
    one.adopt()
    image, kind = b"LUAT" + bytes(500), {"Content-Type": "application/octet-stream"}
    for path in (CHECK, f"{CHECK}/", f"/{CHECK}", CHECK.replace("f", "%66"), "/other/path/x", "/api/./site/x"):
        one.vendor.replies[path] = (200, image, kind)
        status, body = one.ask(f"{path}?imei={IMEI}&version=1.0.0")
        assert status == 400 and b'"code": 27' in body, path
    one.vendor.replies[REPORT] = (200, image, kind)
    assert one.ask(f"{REPORT}?imei={IMEI}") == (502, b"")
    one.vendor.replies[REPORT] = (200, image, {})
    assert one.ask(f"{REPORT}?imei={IMEI}") == (502, b"")
    one.vendor.replies[REPORT] = (302, b"", {"Location": "http://elsewhere.example/image"})
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
    connection.request("GET", f"{REPORT}?imei={IMEI}", headers={"Host": "iot.openluat.com"})
    assert connection.getresponse().getheader("Location") is None


# --- what a vendor's cloud has -----------------------------------------------------------------------------------

def offer_image(one, body, **headers):
    one.vendor.replies[CHECK] = (200, body, {"Content-Type": "application/octet-stream", **headers})


def lead_of(one, image):
    def found():
        row = one.gateway.row("firmware", "upstream", "passthrough:openluat")
        return row if row and row["image"] == image else None
    return wait_for(f"the vendor's image, {image}", found)


def test_U1_undigested_only_where_the_product_names_its_origin(site):
    one = site(plugin="passthrough-quota=1000")
    one.adopt()
    offer_image(one, b"LUAT" + bytes(200_000))
    status, text = one.ask(f"{CHECK}?imei={IMEI}&version=1.0.2")
    assert status == 400 and b'"code": 27' in text, "never straight to the node"
    row = lead_of(one, "wanted")
    assert row["undigested"] and row["state"] == "draft" and row["product"] == "meter"
    assert one.gateway.ctl("push", "--firmware", row["id"], IMEI, is_checked=False).returncode != 0
    before = one.vendor.count(CHECK)
    assert one.ask(f"{CHECK}?imei={IMEI}&version=1.0.2")[0] == 400
    assert one.vendor.count(CHECK) == before, "not fetched either"
    one.gateway.ctl("firmware", "edit", row["id"], "--version=1.0.3")
    refused = one.gateway.ctl("push", "--firmware", row["id"], IMEI, is_checked=False)
    assert refused.returncode != 0 and "origin" in refused.stderr + refused.stdout


def test_a_vendors_image_is_fetched_once_and_offered_by_the_site(site):
    one = site(plugin="passthrough-quota=1000")
    image = b"LUAT" + bytes(range(256)) * 800
    other = "866888020000002"
    one.adopt()
    one.adopt(other)
    one.gateway.ctl("product", "set", "meter", "--origin=iot.openluat.com")
    offer_image(one, image)
    for imei in (IMEI, other):
        assert one.ask(f"{CHECK}?imei={imei}&version=1.0.2&firmware_name=demo_Core")[0] == 400
    row = lead_of(one, "sealed")
    assert row["undigested"] and row["size"] == len(image)
    assert len([entry for entry in one.gateway.rows("firmware") if entry["upstream"]]) == 1
    one.gateway.ctl("firmware", "edit", row["id"], "--version=1.0.3")
    one.gateway.ctl("push", "--firmware", row["id"], IMEI)
    assert one.ask(f"{CHECK}?imei={IMEI}&version=1.0.2&firmware_name=demo_Core") == (200, image)
    assert one.ask(f"{CHECK}?imei={other}&version=1.0.2&firmware_name=demo_Core")[0] == 400


def test_a_stranger_is_no_reason_to_fetch(site):
    one = site()
    offer_image(one, b"LUAT" + bytes(100_000))
    assert one.check()[0] == 400
    one.adopt()
    assert one.gateway.rows("firmware") == []
