# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines that need the real daemons, core and worker together: per-node manifests for thousands of adopted nodes under a
hundred rules, and what one image costs the WAN."""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'system'))

from bench import SERVER_CORE, Server, pinned  # noqa: E402
from gateway import wait_for  # noqa: E402
from site_of_pic32 import Site  # noqa: E402

NODES, RULES = 10_000, 100
PATH = '/n/n{}/ota.json'


def programs(bench):
    """The daemons and the emulated node are built beside the bench programs."""
    subprocess.run(['ninja', '-C', bench.build], check=True, stdout=subprocess.DEVNULL)
    return bench.build


def closed_hours():
    hour = (time.gmtime().tm_hour + 12) % 24
    return f'--hours={hour:02d}:00-{hour:02d}:30'


def make_rules(site, names):
    """Verified firmware, and a rule for each hundred nodes, in hours that are not now."""
    site.node('probe')
    site.adopt('probe')
    firmware = site.firmware(5)['id']
    site.push(firmware, 'probe')
    site.says('probe', 'running version 5', 60)
    site.confirm(firmware, 'probe', 5)
    for number in range(RULES):
        group = names[number::RULES]
        site.gateway.ctl('rules', 'create', f'r{number}', f'--firmware={firmware}', '--include-unknown', closed_hours(),
                         *[f'--node={name}' for name in group])
        site.gateway.ctl('rules', 'start', f'r{number}', '--yes')


def populate(bench, site, server):
    """Every node is heard once, then adopted. Gives bytes of user memory per node."""
    names = [f'n{number}' for number in range(NODES)]
    before = server.user_memory()
    bench.load(server, PATH, nodes=NODES, connections=32, seconds=20)
    wait_for('all nodes', lambda: int(site.gateway.json('status')['nodes']) >= NODES, 60)
    for start in range(0, NODES, 500):
        site.gateway.ctl('nodes', 'adopt', *names[start:start + 500], '--product=weather')
    make_rules(site, names)
    bench.load(server, PATH, nodes=NODES, connections=32, seconds=10)
    return (server.user_memory() - before) / NODES


def b17(bench):
    folder = tempfile.mkdtemp(prefix='gatewayd-bench-')
    more = '[lan]\nstranger-connections=1000\nadopted-connections=1000\n'
    site = Site(programs(bench), folder, more=more)
    site.gateway.prefix = pinned(SERVER_CORE)
    site.cloud.image('fw.bin')
    site.cloud.publish('product=weather,version=5,file=fw.bin')
    try:
        site.start(is_supervised=False)
        processes = [site.gateway.processes[name].child for name in ('core', 'lan')]
        server = Server('gatewayd', site.port, site.port, *processes)
        memory = populate(bench, site, server)
        results = bench.rounds_of({
            name: lambda nodes=nodes: bench.cost(server, lambda one: bench.load(one, PATH, nodes=nodes))
            for name, nodes in (('many', NODES), ('few', 100))})
        yield 'CPU per request, 10,000 nodes vs 100', results['many']['request'] / results['few']['request'], 1.15, 1.05
        yield 'user memory per known node, KiB', memory / 1024, 1, 0.3
    finally:
        site.stop()


def b19(bench):
    site = Site(programs(bench), tempfile.mkdtemp(prefix='gatewayd-bench-'))
    size = len(site.cloud.image('fw.bin', size=1 << 20))
    site.cloud.publish('product=weather,version=5,file=fw.bin')
    names = [f'n{number}' for number in range(8)]
    try:
        site.start()
        for name in names:
            site.node(name)
        site.adopt(*names)
        firmware = site.firmware(5)['id']
        site.push(firmware, names[0])
        site.says(names[0], 'running version 5', 60)
        site.confirm(firmware, names[0], 5)
        site.rule('all', firmware)
        for name in names[1:]:
            site.says(name, 'running version 5', 60)
        fetched = sum(int(line.split()[4]) for line in site.cloud.gets('fw.bin'))
        yield 'image bytes over the WAN / image size', fetched / size, 1.0, 1.0
    finally:
        site.stop()
