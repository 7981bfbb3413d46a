# SPDX-License-Identifier: LGPL-2.1-or-later
"""One function for each line of docs/performance.md. Each yields (what, measured, must, aim): a measured value that must
not be above `must`, or, where `must` is a lower bound, is written as ('>=', bound)."""
import json
import resource
import statistics
import subprocess
import time
from pathlib import Path

from bench import LOAD_CORE, MIB, pinned
from daemon import b15, b16, b18, b20
from devices import b21, b23
from ftp import b9, b10, b11, b12
from real import b17, b19

MANIFEST = '/manifest.json'


def ratio(results, figure):
    return results['gatewayd'][figure] / results['nginx'][figure]


def verify(bench):
    """Before anything is measured: every byte is right."""
    for server in bench.servers:
        for name in ('1m', '64m', '256k'):
            path = bench.files / f'{name}.bin'
            size = path.stat().st_size
            bench.load(server, f'/{name}.bin', connections=4, requests=8, verify=path)
            for block in (1024, 65536):
                bench.load(server, f'/{name}.bin', connections=8, requests=200, block=block, image=size, verify=path)


def b1(bench):
    results = bench.compare(lambda server: bench.load(server, MANIFEST))
    yield 'CPU per request vs nginx', ratio(results, 'request'), 0.85, 0.65


def b2(bench):
    results = bench.compare(lambda server: bench.load(server, MANIFEST, new=True, sources=64))
    yield 'CPU per request vs nginx', ratio(results, 'request'), 1.10, 1.00


def b3(bench):
    results = bench.compare(lambda server: bench.load(server, '/1m.bin', block=1024, image=MIB))
    yield 'CPU per request vs nginx', ratio(results, 'request'), 0.85, 0.65


def b4(bench):
    ours = bench.servers[0]
    results = bench.rounds_of({
        name: lambda name=name, size=size: bench.cost(ours, lambda server: bench.load(
            server, f'/{name}.bin', block=1024, image=size * MIB))
        for name, size in (('1m', 1), ('64m', 64))})
    yield 'CPU per request, 64 MiB vs 1 MiB', results['64m']['request'] / results['1m']['request'], 1.15, 1.10


def b5(bench):
    results = bench.compare(lambda server: bench.load(server, '/1m.bin', block=65536, image=MIB))
    yield 'CPU per request vs nginx', ratio(results, 'request'), 0.95, 0.75


def b6(bench):
    for name, connections in (('1m', 8), ('64m', 8)):
        results = bench.compare(lambda server: bench.load(server, f'/{name}.bin', connections=connections,
                                                          seconds=max(bench.seconds, 2)))
        yield f'{name}: MB/s vs nginx', ratio(results, 'speed'), ('>=', 1.0), ('>=', 1.8)
        yield f'{name}: CPU per GB vs nginx', ratio(results, 'byte'), 1.0, 0.55


def tcp_memory():
    for line in Path('/proc/net/sockstat').read_text().splitlines():
        if line.startswith('TCP:'):
            return int(line.split()[-1]) * resource.getpagesize()
    raise SystemExit('/proc/net/sockstat names no TCP memory')


N_SLOW, SLOW_SIZE, SLOW_RATE = 5000, MIB // 4, 32768
SMALL_WINDOW = 11680  # what a small device's stack offers
N_SAMPLES = 40        # of the TCP memory, between a quarter and three quarters: all readers are filled in step


def slow_readers(bench, server):
    before = server.memory_at_start, tcp_memory()
    command = bench.load_command(server, '/256k.bin', connections=N_SLOW, rate=SLOW_RATE, sources=16,
                                 window=SMALL_WINDOW)
    cpu = server.cpu_s()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
        time.sleep(SLOW_SIZE / SLOW_RATE / 4)
        tcp = [tcp_memory() - before[1]]
        for _ in range(N_SAMPLES):
            time.sleep(SLOW_SIZE / SLOW_RATE / 2 / N_SAMPLES)
            tcp.append(tcp_memory() - before[1])
        user = server.user_memory() - before[0]
        output, _ = load.communicate()
    if load.returncode:
        raise SystemExit(f'slow readers of {server.name} failed with {load.returncode}: {output.decode()}')
    report = json.loads(output)
    return {'user': user / N_SLOW / 1024, 'tcp': statistics.mean(tcp) / N_SLOW / 1024, 'cpu': server.cpu_s() - cpu,
            'slowest': report['p99_us'] / 1e6 / (SLOW_SIZE / SLOW_RATE)}


def b7(bench):
    results = bench.rounds_of({server.name: lambda server=server: slow_readers(bench, server)
                               for server in bench.servers})
    yield 'user memory per connection, KiB', results['gatewayd']['user'], 1.5, 0.5
    yield 'TCP memory of both ends per connection, KiB', results['gatewayd']['tcp'], 50, 35
    yield 'CPU vs nginx', ratio(results, 'cpu'), 2.0, 1.2
    yield 'slowest 1 % vs ideal', results['gatewayd']['slowest'], 1.10, 1.05


N_IDLE = 9000


def with_idle(bench, server, active, is_crowded):
    idle = None
    if is_crowded:
        idle = subprocess.Popen(bench.load_command(server, MANIFEST, connections=N_IDLE, idle=True, sources=16),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if idle.stdout.readline() != b'held\n':
            raise SystemExit('idle connections were not held')
    figures = bench.cost(server, lambda server: bench.load(server, MANIFEST, connections=active))
    if idle:
        idle.communicate()
        if idle.returncode:
            raise SystemExit('idle connections were cut')
    return figures


def b8(bench):
    ours = bench.servers[0]
    for active, must, aim in ((64, 1.15, 1.05), (1, 1.30, 1.15)):
        results = bench.rounds_of({is_crowded: lambda is_crowded=is_crowded: with_idle(bench, ours, active, is_crowded)
                                   for is_crowded in (False, True)})
        yield (f'CPU per request, {active} active, {N_IDLE} idle vs none',
               results[True]['request'] / results[False]['request'], must, aim)


def b13(bench):
    results = bench.compare(lambda server: bench.tls_load(server, MANIFEST, 8))
    yield 'full handshake: CPU vs nginx', ratio(results, 'request'), 1.15, 1.0
    results = bench.compare(lambda server: bench.tls_load(server, MANIFEST, 8, 'keep'))
    yield 'keep-alive: CPU vs nginx', ratio(results, 'request'), 1.1, 0.85
    results = bench.compare(lambda server: bench.tls_load(server, '/64m.bin', 4, 'keep'))
    yield 'bulk: CPU per GB vs nginx', ratio(results, 'byte'), 1.0, 0.85


def cpu_of(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(pinned(LOAD_CORE, *command), check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def b14(bench):
    path = bench.files / '64m.bin'
    times = {'ours': [], 'openssl': []}
    for _ in range(max(bench.rounds, 6)):
        times['ours'].append(cpu_of([bench.program('hash'), *[path]]))
        times['openssl'].append(cpu_of(['openssl', 'dgst', '-sha256', path]))
    yield 'CPU vs openssl dgst', statistics.median(times['ours']) / statistics.median(times['openssl']), 1.1, 1.02


# Those that compare with nothing but themselves start what they need.
ALONE = {'B9', 'B10', 'B11', 'B12', 'B14', 'B15', 'B16', 'B17', 'B18', 'B19', 'B20', 'B21', 'B23'}
LINES = {
    'B1': ('1 KiB manifest, keep-alive, 64 connections', b1),
    'B2': ('the same, a new connection per request', b2),
    'B3': ('1 KiB Range blocks of a 1 MiB image, keep-alive', b3),
    'B4': ('a Range block of a 64 MiB image vs of a 1 MiB image', b4),
    'B5': ('64 KiB Range blocks', b5),
    'B6': ('whole images of 1 MiB and 64 MiB', b6),
    'B7': ('5,000 slow readers, 256 KiB at 32 KiB/s', b7),
    'B8': ('idle connections grow from 0 to 9,000', b8),
    'B9': ('an FTP session: login, UPGRADE.TXT, image of 100 KB, PASV', b9),
    'B10': ('the same, active', b10),
    'B11': ('FTP after 60 s of load', b11),
    'B12': ('an idle FTP session', b12),
    'B13': ('TLS 1.3: full handshake; keep-alive; bulk', b13),
    'B14': ('hashing an image while it is fetched', b14),
    'B15': ('durable events', b15),
    'B16': ('start, and rest', b16),
    'B17': ('manifests of known nodes, a rule each hundred', b17),
    'B18': ('planning: 100,000 nodes and 100 rules', b18),
    'B19': ('WAN bytes for 100 nodes and one image of 4 MiB', b19),
    'B20': ('flash for an idle node and day, asking each minute', b20),
    'B21': ('10,000 Air720 that hear no and try thirty times', b21),
    'B23': ('an MCU that reads its image by AT commands, 974 bytes each, over a pty', b23),
}
