# SPDX-License-Identifier: LGPL-2.1-or-later
"""An upstream that is away for long, with a whole gateway and many nodes."""
import os
import re
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from gateway import SOURCE, free_port, wait_for

sys.path.insert(0, str(SOURCE / "tests/nodes/cloud"))
from webhook import Receiver  # noqa: E402

N_NODES = int(os.environ.get("LONG_NODES", "100"))
INTERVAL_S, BATCH = 0.2, 40
CONFIG = """[clock]
trust=always
[limits]
strangers={strangers}
outbox={outbox}
transfers=1000
[lan]
segment-transfers=1000
[plugin harmony]
listen=127.0.0.1:{port}
inference-apart=200ms
inference-bytes=400ms
[upstream hook]
type=webhook
url=http://127.0.0.1:{cloud}/events
secret-file={folder}/hook.secret
report-interval={interval}ms
report-batch={batch}
"""


class Nodes:
    """PIC32 nodes that do no more than ask and load: a request each, all of them in turn."""

    def __init__(self, port, names):
        self.url, self.names = f"http://127.0.0.1:{port}", names
        self.pool = ThreadPoolExecutor(4)  # strangers have few connections

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:
            return reply.read()

    def ask(self, name):
        return self.get(f"/n/{name}/ota.json").decode()

    def ask_all(self):
        return list(self.pool.map(self.ask, self.names))

    def load(self, name):
        found = re.search(r"/b/\w+", self.ask(name))
        return found and self.get(found[0])


def hook(one):
    return one.row("upstreams", "name", "hook")


def prepare(one, nodes, folder):
    """All nodes adopted, and firmware 5 proven on the first of them."""
    one.start()
    wait_for("the transport", lambda: one.row("plugins", "name", "harmony"))
    one.ctl("product", "set", "weather", "--plugin=harmony")
    (folder / "fw.bin").write_bytes(b"\0" + os.urandom(9999))
    one.ctl("import", folder / "fw.bin", "--product=weather", "--version=5")
    nodes.ask_all()
    wait_for("the nodes", lambda: one.json("status")["nodes"] == N_NODES)
    one.ctl("nodes", "adopt", *nodes.names, "--product=weather")
    firmware = one.row("firmware", "version", "5")["id"]
    one.ctl("push", f"--firmware={firmware}", nodes.names[0])
    wait_for("the first", lambda: nodes.load(nodes.names[0]))
    one.ctl("firmware", "confirm", firmware, f"--node={nodes.names[0]}", "--version=5")
    one.ctl("rules", "create", "all", f"--firmware={firmware}", "--include-unknown")
    one.ctl("rules", "start", "all", "--yes")
    return (folder / "fw.bin").read_bytes()


def update_all(one, nodes, image):
    for name in nodes.names[1:]:
        assert wait_for(f"an image for {name}", lambda name=name: nodes.load(name)) == image

    def are_through():
        nodes.ask_all()
        return one.json("updates", "list", "--filter=state=succeeded", "--limit=1")["total"] == N_NODES
    wait_for("all to be heard again", are_through, 60, step=0.3)


def test_E3_offline_with_many_nodes(gateway, tmp_path):
    """Every node is updated while the upstream is away; then it is told of each, in order, no faster than it wants."""
    names = [f"n{i}" for i in range(N_NODES)]
    port, cloud = free_port(), free_port()
    (tmp_path / "hook.secret").write_text("secret\n")
    one = gateway(CONFIG.format(port=port, cloud=cloud, folder=tmp_path, strangers=2 * N_NODES, outbox=2 * N_NODES,
                                interval=int(INTERVAL_S * 1000), batch=BATCH))
    nodes = Nodes(port, names)
    update_all(one, nodes, prepare(one, nodes, tmp_path))
    assert N_NODES <= hook(one)["queued"] <= 2 * N_NODES, "bounded, and no end of an update went"
    one.kill("core")
    one.wait_ready()
    assert N_NODES <= hook(one)["queued"] <= 2 * N_NODES
    receiver = Receiver("secret", port=cloud).start()
    try:
        wait_for("the first report", lambda: (one.ctl("upstreams", "poll", "hook", is_checked=False),
                                              receiver.requests)[1], step=0.3)
        wait_for("an empty outbox", lambda: hook(one)["queued"] == 0, 60 + N_NODES / BATCH)
    finally:
        receiver.stop()
    ended = [event["data"]["node"] for event in receiver.of_type("update.succeeded")]
    assert sorted(ended) == sorted(names)
    assert receiver.ids() == sorted(receiver.ids()) == sorted(int(event["id"]) for event in receiver.taken)
    times = [request["at"] for request in receiver.requests]
    assert len(times) >= max(3, N_NODES / BATCH) and max(len(request["events"]) for request in receiver.requests) <= BATCH
    assert times[-1] - times[0] > 0.8 * INTERVAL_S * (len(times) - 2)  # one may have been hurried
