# SPDX-License-Identifier: LGPL-2.1-or-later
"""Power cuts under load, with a real file system: a whole gateway works on a disk, whose content is copied at random
moments. On each copy another gateway starts, and finds what was acknowledged before."""
import hashlib
import random
import re
import shutil
import sqlite3
import threading
import time
import urllib.request

import pytest

from disk import Disk
from gateway import Gateway, free_port, wait_for

N_CUTS = 3
AFTERWARDS = """[clock]
trust=always
[plugin harmony]
listen=127.0.0.1:{port}
"""


def on_disk(gateway, path):
    """Its state and its images lie there."""
    for name in ("state", "cache"):
        (path / name).mkdir(exist_ok=True)
        (gateway.folder / name).rmdir()
        (gateway.folder / name).symlink_to(path / name)
    return gateway


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
        return reply.read()


class Work(threading.Thread):
    """Catalogs, imports, nodes, pushes and asks; `acked` grows by what was acknowledged."""

    def __init__(self, one, chance):
        super().__init__(daemon=True)
        self.one, self.chance, self.acked, self.is_over, self.failure = one, chance, [], False, None
        self.images = {}

    def run(self):
        try:
            number = 1
            while not self.is_over:
                self.turn(number)
                number += 1
        except Exception as failure:  # shown by the test
            self.failure = failure

    def image(self, number):
        return self.chance.randbytes(self.chance.randint(5000, 200_000))

    def turn(self, number):
        """Image `number` comes by catalog or by hand, and is pushed to a new node, which asks for it."""
        one, name, gateway = self.one, f"n{number}", self.one.gateway
        if number % 3 == 0:
            image = one.cloud.image("fw.bin", data=self.image(number))
            one.cloud.publish(f"product=weather,version={number},file=fw.bin")
        else:
            image = self.image(number)
            (one.folder / "import.bin").write_bytes(image)
            gateway.ctl("import", one.folder / "import.bin", "--product=weather", f"--version={number}")
        digest = hashlib.sha256(image).hexdigest()
        self.images[digest] = image
        firmware = wait_for("the image", lambda: next((row for row in gateway.rows("firmware", "--limit=500") if
                                                       row["version"] == str(number) and row["image"] == "sealed"), None))
        self.acked.append(("image", digest, firmware["id"]))
        gateway.ctl("nodes", "set", name, "--product=weather")
        gateway.ctl("nodes", "adopt", name, "--product=weather")
        self.acked.append(("node", name))
        gateway.ctl("push", f"--firmware={firmware['id']}", name)
        self.acked.append(("rule", f"push-{gateway.rows('rules', '--limit=500')[0]['id']}"))
        token = re.search(r"/b/\w+", get(one.port, f"/n/{name}/ota.json").decode())
        if token:
            self.acked.append(("pin", token[0], digest))
        for event in gateway.json("events", f"--after={self.newest()}", "--limit=500")["events"]:
            self.acked.append(("event", event["id"], event["type"]))

    def newest(self):
        return max((what[1] for what in self.acked if what[0] == "event"), default=0)


def check_images(path, acked):
    """Each name is complete; and those that were said to be there are."""
    blobs = {blob.name: blob for blob in (path / "cache/blobs").glob("*/*")}
    for name, blob in blobs.items():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == name
    assert {what[1] for what in acked if what[0] == "image"} <= set(blobs)


def check_database(path, folder):
    """As it lies there, log and all, before anybody repairs it."""
    folder.mkdir()
    for file in (path / "state").glob("gatewayd.db*"):
        shutil.copy(file, folder / file.name)
    if not (folder / "gatewayd.db").exists():
        return
    connection = sqlite3.connect(folder / "gatewayd.db")
    assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    connection.close()


def check_gateway(gateway, port, acked, images):
    gateway.start()
    wait_for("the transport", lambda: gateway.row("plugins", "name", "harmony"))
    events = {}
    while True:
        more = gateway.json("events", f"--after={max(events, default=0)}", "--limit=500")["events"]
        if not more:
            break
        events.update((event["id"], event["type"]) for event in more)
    assert not {"daemon.database-lost", "daemon.database-gap", "firmware.image-lost"} & set(events.values())
    nodes = {row["id"] for row in gateway.rows("nodes", "--limit=500") if row["adopted"]}
    rules = {f"push-{row['id']}" for row in gateway.rows("rules", "--limit=500")}
    sealed = {row["id"] for row in gateway.rows("firmware", "--limit=500") if row["image"] == "sealed"}
    for kind, name, *more in acked:
        assert {"node": name in nodes, "rule": name in rules, "event": kind == "event" and events.get(name) == more[0],
                "image": kind == "image" and more[0] in sealed, "pin": True}[kind], f"{kind} {name} is lost"
    for kind, path, *digest in [what for what in acked if what[0] == "pin"][-5:]:
        assert get(port, path) == images[digest[0]]


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(2))
def test_C1_power_cut_under_load(disk, site, build, tmp_path, seed):  # the site stops before its disk goes
    chance = random.Random(seed)
    one = site(upstream="prefetch=yes", poll="100ms")
    on_disk(one.gateway, disk.path)
    one.start()
    work = Work(one, chance)
    work.start()
    for number in range(N_CUTS):
        time.sleep(chance.uniform(0.3, 1.5))
        n_acked = len(work.acked)
        mount = disk.cut()
        port = free_port()
        try:
            check_images(mount.folder, work.acked[:n_acked])
            check_database(mount.folder, tmp_path / f"db-{number}")
            other = on_disk(Gateway(build, tmp_path / f"after-{number}", AFTERWARDS.format(port=port)), mount.folder)
            try:
                check_gateway(other, port, work.acked[:n_acked], work.images)
            finally:
                print(other.logs()[-4000:])
                other.stop()
        finally:
            mount.close()
    work.is_over = True
    work.join(30)
    assert work.failure is None and len(work.acked) > 20
