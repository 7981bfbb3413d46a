# SPDX-License-Identifier: LGPL-2.1-or-later
"""http-catalog in the real WAN worker, against clouds that do what clouds do."""
import os
import subprocess
import time

import pytest

from gateway import wait_for
from wan_worker import GIVE_UP, OK, RETRY, STOPPED, Site, worker_for

FAST = {"slow-window": "600ms", "connect-timeout": "2s"}


@pytest.fixture
def worker(build, tmp_path, request):
    yield from worker_for(build, tmp_path, request)


@pytest.fixture
def cloud(tmp_path):
    made = []

    def make(**options):
        made.append(Site(tmp_path / f"cloud{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def site(worker, cloud):
    """A worker whose upstream "cloud" is a cloud with a signed catalog; quick to lose patience."""
    one = cloud()
    one.put("catalog.json", b'{"sequence": 1}')
    one.put("catalog.json.sig", b"c2lnbmF0dXJl\n")
    worker.start()

    def go(wan=None, **keys):
        worker.http(one.url, wan={**FAST, **(wan or {})}, **{"poll": "200ms", **keys})
        return one

    return go


# --- the catalog ---------------------------------------------------------------------------------------------------

def test_exact_bytes_are_announced_once(worker, site):
    cloud = site()
    event = worker.wait("announce")
    assert event["document"] == '{"sequence": 1}' and event["signature"] == "c2lnbmF0dXJl\n"
    assert event["base"] == f"{cloud.url}/catalog.json" and event["sealed"]
    wait_for("some more looks", lambda: cloud.count("/catalog.json") > 6)
    assert len(worker.all("announce")) == 1
    assert "If-None-Match" in cloud.headers("/catalog.json")
    assert worker.wait("status", text="unchanged")["well"]


def test_unsigned_catalog(worker, site):
    cloud = site(poll="1h")
    worker.wait("announce")
    (cloud.folder / "catalog.json.sig").unlink()
    cloud.put("catalog.json", b'{"sequence": 2}')
    worker.order(do="poll", name="cloud")
    event = worker.wait("announce", 2)
    assert event["signature"] is None and event["document"] == '{"sequence": 2}'


def test_announced_again_when_asked_afresh(worker, site):
    cloud = site(poll="1h")
    first = worker.wait("announce")
    worker.order(do="poll", name="cloud")
    wait_for("a second look", lambda: cloud.count("/catalog.json") > 1)
    assert len(worker.all("announce")) == 1
    worker.order(do="poll", name="cloud", afresh=True)
    again = worker.wait("announce", 2)
    assert again["document"] == first["document"] and again["signature"] == first["signature"]


@pytest.mark.parametrize("deeds", [{"no-etag": 1}, {"flip-etag": 1}, {"weak-etag": 1}, {"chunked": 1}])
def test_change_is_seen_whatever_the_validators(worker, site, deeds):
    cloud = site()
    cloud.misdeeds["/catalog.json*"] = deeds
    worker.wait("announce")
    wait_for("some more looks", lambda: cloud.count("/catalog.json") > 5)
    cloud.put("catalog.json", b'{"sequence": 2}')
    cloud.put("catalog.json.sig", b"bmV3\n")
    assert worker.wait("announce", 2)["document"] == '{"sequence": 2}'
    assert len(worker.all("announce", document='{"sequence": 1}')) == 1


def test_change_within_a_second_is_seen(worker, site):
    """Without an ETag two documents of one second have the same validator, which is then none."""
    cloud = site()
    cloud.misdeeds["/catalog.json*"] = {"no-etag": 1}
    worker.wait("announce")
    before = (cloud.folder / "catalog.json").stat().st_mtime
    cloud.put("catalog.json", b'{"sequence": 2}')
    os.utime(cloud.folder / "catalog.json", (before, before))
    assert worker.wait("announce", 2)["document"] == '{"sequence": 2}'


def test_old_last_modified_is_a_validator(worker, cloud):
    home = cloud()
    home.misdeeds["/catalog.json*"] = {"no-etag": 1}
    for name in ("catalog.json", "catalog.json.sig"):
        home.put(name, b"{}")
        os.utime(home.folder / name, (time.time() - 61, time.time() - 61))
    worker.start()
    worker.http(home.url, poll="200ms")
    worker.wait("announce")
    wait_for("a conditional look", lambda: "If-Modified-Since" in home.headers("/catalog.json"))


def test_half_published_pair_is_waited_for(worker, site):
    """The signature comes a second after its document: one announcement, of the whole pair."""
    cloud = site()
    worker.wait("announce")
    cloud.put("catalog.json", b'{"sequence": 2}')
    n = cloud.count("/catalog.json")
    wait_for("the look at the new document", lambda: cloud.count("/catalog.json") >= n + 2)
    cloud.put("catalog.json.sig", b"bmV3\n")
    event = worker.wait("announce", 2)
    assert (event["document"], event["signature"]) == ('{"sequence": 2}', "bmV3\n")


def test_redirected_catalog_is_the_base_of_its_urls(worker, cloud):
    home, elsewhere = cloud(token="s3cret"), cloud()
    elsewhere.put("v2-catalog.json", b"{}")
    home.put("catalog.json", b"")
    home.misbehave("/catalog.json", redirect=f"{elsewhere.url}/v2-catalog.json")
    token = worker.folder / "token"
    token.write_text("s3cret\n")
    worker.start()
    worker.http(home.url, token_file=str(token))
    assert worker.wait("announce")["base"] == f"{elsewhere.url}/v2-catalog.json"
    assert home.headers("/catalog.json")["Authorization"] == "Bearer s3cret"
    assert "Authorization" not in elsewhere.headers("/v2-catalog.json")
    assert "s3cret" not in worker.log()


def test_401_tells_what_to_check(worker, cloud):
    home = cloud(user="gate:way")
    home.put("catalog.json", b"{}")
    password = worker.folder / "password"
    password.write_text("wrong")
    worker.start()
    worker.http(home.url, user="gate", password_file=str(password), poll="200ms")
    status = worker.wait("status", well=False)
    assert "401" in status["text"] and "password-file=" in status["text"]
    password.write_text("way")
    assert worker.wait("announce")["signature"] is None


def test_retry_after_is_honoured(worker, site):
    cloud = site(poll="100ms")
    worker.wait("announce")
    cloud.misbehave("/catalog.json", retry_after=2, times=1)
    asked = wait_for("the 429", lambda: worker.all("status", well=False, text="429"))[0]["at"]
    n = cloud.count("/catalog.json")
    fetch = worker.fetch("fw.bin", 10, base=f"{cloud.url}/catalog.json")
    assert "pause" in worker.outcome(fetch)["text"] and cloud.count("/fw.bin") == 0
    wait_for("the next look", lambda: cloud.count("/catalog.json") > n)
    assert time.monotonic() - asked > 1.7


def test_backoff_grows(worker, site):
    cloud = site(poll="100ms")
    cloud.misbehave("/catalog.json", status=503)
    worker.wait("status", well=False, text="503")
    n = cloud.count("/catalog.json")
    time.sleep(1.5)
    assert cloud.count("/catalog.json") - n <= 4


def test_U5_endless_catalog_stops_at_its_limit(worker, site):
    cloud = site(poll="100ms")
    worker.wait("announce")
    before = worker.memory()
    cloud.put("catalog.json", b"{}")
    cloud.misbehave("/catalog.json", endless=1)
    worker.wait("status", well=False, text="larger than 1048576 bytes")
    assert worker.memory() - before < 4096
    cloud.behave()
    cloud.put("catalog.json", b"[]")
    worker.order(do="poll", name="")
    worker.wait("announce", 2)


def test_U6_slow_upstream_is_abandoned(worker, site):
    cloud = site(poll="100ms")
    worker.wait("announce")
    cloud.put("catalog.json", b" " * 4000)
    cloud.misbehave("/catalog.json", slow=500)
    status = worker.wait("status", well=False, text="too slow: under 1024 bytes/s")
    assert cloud.url in status["text"]
    cloud.behave()
    assert worker.wait("announce", 2)["document"] == " " * 4000


# --- images --------------------------------------------------------------------------------------------------------

def test_fetch_relative_to_the_catalog(worker, site):
    cloud = site()
    (cloud.folder / "sub").mkdir()
    image = cloud.put("sub/fw 1.bin", os.urandom(300_000))
    worker.wait("announce")
    number = worker.fetch("sub/fw%201.bin", len(image), base=f"{cloud.url}/catalog.json")
    assert worker.outcome(number)["result"] == OK
    assert worker.bytes(number) == image
    head = worker.head(number)
    assert head["validator"].startswith('"') and not head["restarted"]
    assert worker.all("fetched", id=number)[0] is head


def test_cut_in_the_middle_is_resumed(worker, site):
    cloud = site()
    image = cloud.put("fw.bin", os.urandom(200_000))
    cloud.misbehave("/fw.bin", cut=70_000, times=1)
    first = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json")
    assert worker.outcome(first)["result"] == RETRY
    part = worker.bytes(first)
    assert part == image[:len(part)] and len(part) == 70_000
    second = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json", offset=len(part),
                          validator=worker.head(first)["validator"])
    assert worker.outcome(second)["result"] == OK
    assert cloud.headers("/fw.bin")["Range"] == "bytes=70000-"
    assert not worker.head(second)["restarted"]
    assert part + worker.bytes(second)[70_000:] == image
    assert worker.wait("pipe", id=second)["bytes"] == len(image) - 70_000


@pytest.mark.parametrize("deeds", [{"ignore-range": 1}, {"wrong-range": 1}, {"flip-etag": 1}, {"weak-etag": 1}])
def test_resume_that_cannot_be_trusted_begins_again(worker, site, deeds):
    cloud = site()
    image = cloud.put("fw.bin", os.urandom(100_000))
    whole = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json")
    assert worker.outcome(whole)["result"] == OK
    cloud.misdeeds["/fw.bin"] = deeds
    again = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json", offset=5000,
                         validator=worker.head(whole)["validator"])
    assert worker.outcome(again)["result"] == OK
    assert worker.head(again)["restarted"]
    assert worker.bytes(again) == image


def test_weak_validator_is_never_resumed(worker, site):
    cloud = site()
    image = cloud.put("fw.bin", os.urandom(50_000))
    number = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json", offset=100, validator='W/"x"')
    assert worker.outcome(number)["result"] == OK
    assert "Range" not in cloud.headers("/fw.bin") and worker.head(number)["restarted"]


def test_U5_endless_image_stops_at_its_size(worker, site):
    cloud = site()
    cloud.put("fw.bin", b"x" * 1000)
    cloud.misbehave("/fw.bin", endless=1)
    worker.wait("announce")
    before = worker.memory()
    number = worker.fetch("fw.bin", 3_000_000, base=f"{cloud.url}/catalog.json")
    outcome = worker.outcome(number)
    assert outcome["result"] == GIVE_UP and "larger than 3000000 bytes" in outcome["text"]
    assert len(worker.bytes(number)) <= 3_000_000
    assert worker.memory() - before < 4096


def test_image_that_is_larger_than_announced_is_not_even_begun(worker, site):
    cloud = site()
    cloud.put("fw.bin", b"x" * 5000)
    number = worker.fetch("fw.bin", 4999, base=f"{cloud.url}/catalog.json")
    assert worker.outcome(number)["result"] == GIVE_UP
    assert worker.bytes(number) == b""


def test_image_that_is_smaller_than_announced(worker, site):
    cloud = site()
    cloud.put("fw.bin", b"x" * 5000)
    number = worker.fetch("fw.bin", 5001, base=f"{cloud.url}/catalog.json")
    outcome = worker.outcome(number)
    assert outcome["result"] == GIVE_UP  # whole by the server's own word: asking again brings the same


@pytest.mark.parametrize("deeds", [{"slow": 600}, {"stall": 2000}])
def test_U6_slow_image_is_abandoned_and_resumed(worker, site, deeds):
    cloud = site()
    image = cloud.put("fw.bin", os.urandom(40_000))
    cloud.misdeeds["/fw.bin"] = deeds
    number = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json")
    outcome = worker.outcome(number)
    assert outcome["result"] == RETRY and "too slow: under 1024 bytes/s" in outcome["text"]
    part = worker.bytes(number)
    assert 0 < len(part) < len(image) and image.startswith(part)
    cloud.behave()
    again = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json", offset=len(part),
                         validator=worker.head(number)["validator"])
    assert worker.outcome(again)["result"] == OK
    assert part + worker.bytes(again)[len(part):] == image


def test_slow_images_do_not_keep_us_from_looking(worker, site):
    cloud = site({"slow-window": "60s"})
    cloud.put("fw.bin", b"x" * 1_000_000)
    cloud.misbehave("/fw.bin", slow=5000)
    worker.wait("announce")
    for _ in range(3):
        worker.fetch("fw.bin", 1_000_000, base=f"{cloud.url}/catalog.json")
    wait_for("two at once", lambda: cloud.count("/fw.bin") == 2)
    cloud.put("catalog.json", b"{}")
    worker.wait("announce", 2)
    assert cloud.count("/fw.bin") == 2
    worker.order(do="cancel", id=1)
    assert worker.outcome(1)["result"] == STOPPED
    wait_for("the third", lambda: cloud.count("/fw.bin") == 3)


def test_a_slow_store_is_waited_for(worker, site):
    """Nobody reads the pipe: the server is not blamed, and cancelling ends it."""
    cloud = site()
    cloud.put("fw.bin", b"x" * 3_000_000)
    number = worker.fetch("fw.bin", 3_000_000, base=f"{cloud.url}/catalog.json", take=0)
    worker.head(number)
    time.sleep(1.5)
    assert len(worker.all("fetched", id=number)) == 1
    worker.order(do="cancel", id=number)
    wait_for("the end", lambda: worker.all("fetched", id=number, result=STOPPED))


def test_core_that_gives_up_a_fetch_is_understood(worker, site):
    cloud = site()
    cloud.put("fw.bin", b"x" * 3_000_000)
    number = worker.fetch("fw.bin", 3_000_000, base=f"{cloud.url}/catalog.json", take=1000)
    assert worker.outcome(number)["result"] == STOPPED


@pytest.mark.parametrize("url", ["http://user:pw@127.0.0.1/x", "file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_urls_that_are_not_asked(worker, site, url):
    site()
    number = worker.fetch(url, 100)
    assert worker.outcome(number)["result"] == GIVE_UP


def test_credentials_do_not_go_where_a_catalog_points(worker, cloud):
    home, other = cloud(token="s3cret"), cloud()
    home.put("catalog.json", b"{}")
    image = other.put("fw.bin", b"x" * 100)
    token = worker.folder / "token"
    token.write_text("s3cret")
    worker.start()
    worker.http(home.url, token_file=str(token))
    worker.wait("announce")
    number = worker.fetch(f"{other.url}/fw.bin", 100, base=f"{home.url}/catalog.json")
    assert worker.outcome(number)["result"] == OK and worker.bytes(number) == image
    assert "Authorization" not in other.headers("/fw.bin")


def test_404_may_be_mended(worker, site):
    cloud = site()
    number = worker.fetch("fw.bin", 100, base=f"{cloud.url}/catalog.json")
    outcome = worker.outcome(number)
    assert outcome["result"] == RETRY and "404" in outcome["text"]


def test_rate_is_kept(worker, site):
    cloud = site({"rate": "400KiB"})
    image = cloud.put("fw.bin", os.urandom(800 * 1024))
    worker.wait("announce")
    began = time.monotonic()
    number = worker.fetch("fw.bin", len(image), base=f"{cloud.url}/catalog.json")
    assert worker.outcome(number)["result"] == OK and worker.bytes(number) == image
    assert time.monotonic() - began > 1.3  # half a second's worth may be ahead


# --- TLS -----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", folder / "key.pem", "-out", folder / "ca.pem", "-days", "2", "-subj", "/CN=cloud",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return folder / "ca.pem", folder / "key.pem"


def test_private_ca(worker, cloud, certificate):
    home = cloud(certificate=certificate[0], key=certificate[1])
    home.put("catalog.json", b"{}")
    worker.start()
    worker.http(home.url, poll="300ms")
    assert "unknown authority: see ca-file=" in worker.wait("status", well=False)["text"]
    assert home.count("/catalog.json") == 0
    worker.http(home.url, ca_file=str(certificate[0]))
    worker.wait("announce")


def test_certificate_of_another_name(worker, cloud, certificate):
    home = cloud(certificate=certificate[0], key=certificate[1])
    worker.start()
    worker.http(home.url.replace("127.0.0.1", "localhost"), ca_file=str(certificate[0]))
    assert "for another name" in worker.wait("status", well=False)["text"]
    assert home.count("/catalog.json") == 0


def test_https_is_never_left_for_http(worker, cloud, certificate):
    home, plain = cloud(certificate=certificate[0], key=certificate[1]), cloud()
    home.put("catalog.json", b"{}")
    home.misbehave("/catalog.json", redirect=f"{plain.url}/catalog.json")
    worker.start()
    worker.http(home.url, ca_file=str(certificate[0]), poll="300ms")
    worker.wait("status", well=False, text="from https to http")
    assert not plain.requests


# --- the worker ----------------------------------------------------------------------------------------------------

def test_waits_for_the_core_and_begins_anew_with_it(worker, cloud):
    home = cloud()
    home.put("catalog.json", b"{}")
    worker.start_wan()
    wait_for("the wait", lambda: "waiting for the core" in worker.log())
    worker.start_core()
    assert sorted(worker.wait("hello")["plugins"]) == ["directory", "http-catalog"]
    worker.http(home.url, poll="1h")
    worker.wait("announce")
    worker.core.kill()
    worker.core.wait()
    worker.events.clear()
    worker.start_core()
    worker.wait("hello")
    worker.http(home.url, poll="1h")
    worker.wait("announce")


def test_unchanged_upstreams_survive_a_reload(worker, cloud):
    one, other = cloud(), cloud()
    for each in (one, other):
        each.put("catalog.json", b"{}")
    keys = {"type": "http-catalog", "poll": "1h"}
    worker.start()
    worker.configure(one={**keys, "url": f"{one.url}/catalog.json"}, other={**keys, "url": f"{other.url}/catalog.json"})
    worker.wait("announce", 2)
    worker.configure(one={**keys, "url": f"{one.url}/catalog.json"}, third={**keys, "url": f"{other.url}/catalog.json"})
    worker.wait("announce", upstream="third")
    worker.order(do="poll", name="")
    worker.wait("status", upstream="one", text="unchanged")
    assert len(worker.all("announce", upstream="one")) == 1
    number = worker.fetch("x", 1, upstream="other")
    assert "no such upstream" in worker.wait("fetched", id=number)["text"]


@pytest.mark.parametrize("keys, complaint", [
    ({"type": "nonesuch"}, "no upstream plugin of that name"),
    ({"type": "http-catalog"}, "url= is missing"),
    ({"type": "http-catalog", "url": "catalog.json"}, "url="),
    ({"type": "http-catalog", "url": "http://a/", "ulr": "x"}, "ulr= is not known here; known: url, poll"),
    ({"type": "http-catalog", "url": "http://a/", "poll": "soon"}, "poll=soon makes no sense"),
])
def test_bad_settings_are_named(worker, keys, complaint):
    worker.start()
    worker.configure(cloud=keys)
    assert complaint in worker.wait("status", well=False)["text"]


def test_plugin_can_be_switched_off(worker, cloud):
    home = cloud()
    home.put("catalog.json", b"{}")
    keys = {"type": "http-catalog", "url": f"{home.url}/catalog.json", "poll": "100ms"}
    sections = [["plugin", "http-catalog", {"enabled": "no"}], ["upstream", "cloud", keys]]
    worker.start()
    worker.order(do="config", sections=sections[1:])
    worker.wait("announce")
    worker.order(do="config", sections=sections)
    worker.wait("status", well=False, text="[plugin http-catalog] enabled=no")
    n = home.count("/catalog.json")
    time.sleep(0.5)
    assert home.count("/catalog.json") <= n + 1
    worker.order(do="config", sections=sections[1:])
    worker.wait("announce", 2)


def test_bad_wan_section_stops_all(worker, cloud):
    home = cloud()
    worker.start()
    worker.http(home.url, wan={"proxi": "http://127.0.0.1:1"})
    assert "[wan] proxi=" in worker.wait("status", well=False)["text"]
    time.sleep(0.3)
    assert not home.requests


def test_keys_of_the_core_are_passed_over(worker, cloud):
    home = cloud()
    home.put("catalog.json", b"{}")
    worker.start()
    worker.http(home.url, require_signature="no", keyring="x", prefetch="yes")
    worker.wait("announce")


def test_stops_at_once_while_everything_hangs(worker, site):
    cloud = site({"slow-window": "60s"})
    cloud.misbehave("*", stall=0)
    worker.fetch("fw.bin", 1000, base=f"{cloud.url}/catalog.json")
    wait_for("both to hang", lambda: len(cloud.requests) >= 1)
    began = time.monotonic()
    assert worker.wan.stop(5) == 0
    assert time.monotonic() - began < 2
    worker.wan = None


def test_many_fetches_at_once(worker, cloud):
    """Three upstreams, forty images: each arrives whole, none twice."""
    homes = [cloud() for _ in range(3)]
    worker.start()
    worker.configure(**{f"c{i}": {"type": "http-catalog", "url": f"{home.url}/catalog.json", "poll": "1h"}
                        for i, home in enumerate(homes)})
    wanted = {}
    for i in range(40):
        home = homes[i % 3]
        image = home.put(f"{i}.bin", os.urandom(1000 + i * 3000))
        wanted[worker.fetch(f"{i}.bin", len(image), upstream=f"c{i % 3}", base=f"{home.url}/")] = image
    for number, image in wanted.items():
        assert worker.outcome(number, 30)["result"] == OK
        assert worker.bytes(number) == image
    assert sum(len([path for _, path, _ in home.requests if path.endswith(".bin")]) for home in homes) == 40
