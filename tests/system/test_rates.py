# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes per second: of one upstream in the real WAN worker, of a segment and a node at the whole gateway. A rate that is
taken away lets what runs go on: nothing here waits for a time to pass."""
import pytest

from gateway import wait_for
from wan_worker import OK, Site, worker_for

SIZE = 400_000


@pytest.fixture
def worker(build, tmp_path, request):
    yield from worker_for(build, tmp_path, request)


def configure(worker, cloud, wan="0", slow="0"):
    def upstream(**keys):
        return {"type": "http-catalog", "url": f"{cloud.url}/catalog.json", "poll": "1h", **keys}
    worker.configure({"rate": wan}, slow=upstream(rate=slow), quick=upstream())


@pytest.mark.parametrize("key", ["slow", "wan"])
def test_rate_of_an_upstream_holds_and_goes(worker, tmp_path, key):
    cloud = Site(tmp_path / "cloud")
    try:
        cloud.put("catalog.json", b"{}")
        image = cloud.put("fw.bin", bytes(range(250)) * (SIZE // 250))
        worker.start()
        configure(worker, cloud, **{key: "1000"})
        wait_for("both", lambda: cloud.count("/catalog.json") >= 2)
        slow = worker.fetch(f"{cloud.url}/fw.bin", SIZE, upstream="slow")
        worker.head(slow)
        if key == "slow":  # the other upstream has no part in it
            quick = worker.fetch(f"{cloud.url}/fw.bin", SIZE, upstream="quick")
            assert worker.outcome(quick)["result"] == OK
        assert not [one for one in worker.all("fetched", id=slow) if one["result"] == OK]  # 400 s at this rate
        n_gets = cloud.count("/fw.bin")
        configure(worker, cloud)
        assert worker.outcome(slow, 60)["result"] == OK and worker.bytes(slow) == image
        assert cloud.count("/fw.bin") == n_gets  # it went on: nothing began anew
    finally:
        cloud.stop()


@pytest.mark.parametrize("line", ["node-rate=500", "segment-rate=500",
                                  "node-rate-hours=00:00-12:00 500, 12:00-24:00 500"])
def test_rate_of_the_lan_holds_and_goes(site, line):
    one = site(more=f"[lan]\n{line}")
    image = one.cloud.image("fw.bin")
    one.cloud.publish("product=weather,version=5,file=fw.bin")
    one.start()
    one.node("a", "--stall-ms=60000")
    one.adopt("a")
    one.push(one.firmware(5, "unverified")["id"], "a")
    one.wait_update("a", "downloading")  # at 500 bytes a second that takes 200 s
    one.says("a", "loading")
    assert one.update("a")["state"] == "downloading" and "running version 5" not in one.nodes["a"].text()
    config = one.gateway.folder / "gatewayd.conf"
    config.write_text(config.read_text().replace(line, ""))
    one.gateway.ctl("reload")
    one.says("a", "running version 5", seconds=60)
    assert one.got("a") == image
