# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines that need the whole gateway: core, workers, a cloud, thousands of nodes that have names."""
import hashlib
import json
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'system'))

from bench import MIB, SERVER_CORE, Server
from gateway import wait_for
from site_of_pic32 import Site

MANIFEST_OF = '/n/n{}/ota.json'
# All nodes of a line share one address, and all of them may be offered something at once.
LIMITS = '''[limits]
transfers=20000
[lan]
stranger-connections=1000
adopted-connections=1000
segment-transfers=20000
node-transfers=1000
'''


class RealSite(Site):
    """A started gateway, pinned, with one confirmed firmware."""

    def __init__(self, bench, name, size=200_000, deeds=()):
        folder = bench.folder / name
        folder.mkdir()
        super().__init__(bench.build, folder, more=LIMITS)
        self.gateway.prefix = ('taskset', '-c', SERVER_CORE)
        self.image = self.cloud.image('fw.bin', size)
        self.cloud.publish('product=weather,version=5,file=fw.bin')
        self.start(*deeds)

    def confirmed(self, disturb=None):
        """Fetched once, proven on one node."""
        firmware = self.firmware(5)['id']
        self.node('first')
        self.adopt('first')
        self.push(firmware, 'first')
        if disturb:
            disturb(self)
        self.says('first', 'running version 5', 60)
        self.confirm(firmware, 'first', 5)
        self.nodes['first'].kill()
        return firmware

    def server(self):
        processes = [self.gateway.processes[name].child for name in ('core', 'lan')]
        server = Server('gatewayd', self.port, self.port, *processes)
        server.memory_at_start = server.user_memory()
        return server

    def adopt_many(self, count):
        for first in range(0, count, 500):
            names = [f'n{number}' for number in range(first, min(first + 500, count))]
            self.gateway.ctl('nodes', 'adopt', *names, '--product=weather')

    def rule_each_hundred(self, firmware, count):
        for first in range(0, count, 100):
            nodes = [f'--node=n{number}' for number in range(first, min(first + 100, count))]
            self.rule(f'r{first}', firmware, *nodes)

    def manifest(self, number):
        url = f'http://{self.address}:{self.port}' + MANIFEST_OF.format(number)
        with urllib.request.urlopen(url, timeout=30) as reply:
            offers = json.load(reply)['ota']
        return offers[0]['URL'] if offers else None


def known_nodes(bench, count):
    """A site where `count` nodes were heard, adopted, named by rules, and have been offered their image."""
    site = RealSite(bench, f'site-{count}')
    firmware = site.confirmed()
    server = site.server()
    bench.load(server, MANIFEST_OF, nodes=count, requests=count, connections=8)
    wait_for('every node in the registry', lambda: site.gateway.json('status')['nodes'] > count, 60)
    site.adopt_many(count)
    site.rule_each_hundred(firmware, count)
    server.memory_known = server.user_memory()

    def all_offered():
        bench.load(server, MANIFEST_OF, nodes=count, requests=count, connections=8)
        return site.gateway.json('status')['slots'] >= count
    wait_for('an offer to every node', all_offered, 120)
    return site, server


def b17(bench):
    counts = (100, 10_000)
    sites = {}
    try:
        for count in counts:
            sites[count] = known_nodes(bench, count)
        results = bench.rounds_of({count: lambda count=count: bench.cost(
            sites[count][1], lambda server: bench.load(server, MANIFEST_OF, nodes=count)) for count in counts})
        few, many = (sites[count][1] for count in counts)
        more = (counts[1] - counts[0]) * 1024
        yield ('CPU per request (core and worker), 10,000 nodes vs 100',
               results[10_000]['request'] / results[100]['request'], 1.15, 1.05)
        yield ('memory per known node, KiB', ((many.memory_known - many.memory_at_start) -
                                              (few.memory_known - few.memory_at_start)) / more, 1.0, 0.3)
        yield ('the same with an open offer each, KiB', ((many.user_memory() - many.memory_at_start) -
                                                         (few.user_memory() - few.memory_at_start)) / more, None, None)
    finally:
        for site, _ in sites.values():
            site.stop()


B19_NODES, B19_SIZE = 100, 4 * MIB


def wan_bytes(site):
    """(of the image, of everything) as the cloud sent them."""
    lines = [line.split() for line in (site.folder / 'gets').read_text().splitlines()]
    return sum(int(line[4]) for line in lines if line[2] == '/fw.bin'), sum(int(line[4]) for line in lines)


def fetch(site, number):
    url = wait_for(f'an offer to n{number}', lambda: site.manifest(number), 60)
    with urllib.request.urlopen(url, timeout=120) as reply:
        return hashlib.sha256(reply.read()).digest()


def serve_all(site, disturb):
    firmware = site.confirmed(disturb)
    for number in range(B19_NODES):
        site.manifest(number)
    wait_for('every node in the registry', lambda: site.gateway.json('status')['nodes'] > B19_NODES, 60)
    site.adopt_many(B19_NODES)
    site.rule_each_hundred(firmware, B19_NODES)
    right = hashlib.sha256(site.image).digest()
    with ThreadPoolExecutor(8) as pool:
        if any(digest != right for digest in pool.map(lambda number: fetch(site, number), range(B19_NODES))):
            raise SystemExit('a node got wrong bytes')


def cut_power(site):
    """All our processes die while the image is on its way, and come again."""
    cache = site.gateway.folder / 'cache'
    wait_for('a third of the image',
             lambda: any(path.stat().st_size > B19_SIZE / 3 for path in cache.rglob('*') if path.is_file()))
    for name in ('core', 'wan', 'lan'):
        site.gateway.kill(name)


def b19(bench):
    for what, must, aim, deeds, disturb in (
            ('WAN bytes / image size', 1.0, None, (), None),
            ('the same after a power cut', None, 1.0, ('--misbehave=/fw.bin:slow=2000000',), cut_power)):
        site = RealSite(bench, 'wan-' + ('cut' if disturb else 'plain'), B19_SIZE, deeds)
        try:
            serve_all(site, disturb)
            of_image, of_all = wan_bytes(site)
            yield f'{what}, {B19_NODES} nodes', of_image / B19_SIZE, must, aim
            yield f'{what}, with catalogs', of_all / B19_SIZE, None, None
        finally:
            site.stop()
