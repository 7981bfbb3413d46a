# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemons cost apart from serving: their start, their rest, their disk."""
import json
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'system'))

from bench import free_port
from gateway import Gateway, Process

N_ROWS, N_SINGLE = 20_000, 200


def single_rows(path):
    """Rows a second of one synced insert each, by the same library with the same settings."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute('PRAGMA journal_mode = WAL')
    connection.execute('PRAGMA synchronous = FULL')
    connection.execute('CREATE TABLE event (id INTEGER PRIMARY KEY, time INTEGER, type TEXT, node TEXT, data TEXT)')
    began = time.monotonic()
    for number in range(N_SINGLE):
        connection.execute('INSERT INTO event VALUES (?, ?, ?, ?, ?)', (
            number, 1800000000000, 'update.succeeded', '02:00:00:00:00:07', '{"text":"02:00:00:00:00:07 runs version 5"}'))
    rate = N_SINGLE / (time.monotonic() - began)
    connection.close()
    return rate


def b15(bench):
    ratios, added = [], []
    for number in range(bench.rounds):
        folder = bench.folder / f'rows-{number}'
        folder.mkdir()
        single = single_rows(folder / 'single.db')
        ours = json.loads(subprocess.check_output([bench.program('rows'), folder, str(N_ROWS)]))
        ratios.append(ours['rows_per_s'] / single)
        added.append(max(0, ours['slow_ms'] - 1000 / single))
    yield 'rows/s vs single synced inserts', statistics.median(ratios), ('>=', 7), ('>=', 15)
    yield 'added to a lone event, slowest 1 %, ms', statistics.median(added), 100, 100


def answers(port):
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/n/bench/ota.json', timeout=1) as reply:
            return bool(reply.read())
    except (urllib.error.URLError, ConnectionError):
        return False


def until_answer(port, began):
    while not answers(port):
        if time.monotonic() - began > 20:
            raise SystemExit(f'port {port} never answers')
        time.sleep(0.001)
    return time.monotonic() - began


def memory_of(*processes):
    """Their proportional share, KiB."""
    text = ''.join(Path(f'/proc/{process.pid}/smaps_rollup').read_text() for process in processes)
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith('Pss:'))


def bare(bench):
    port = free_port()
    began = time.monotonic()
    with subprocess.Popen([bench.program('bare'), str(port)]) as process:
        seconds = until_answer(port, began)
        time.sleep(1)
        memory = memory_of(process)
        process.terminate()
    return {'start': seconds, 'memory': memory}


def ours(gateway, port):
    began = time.monotonic()
    commands = gateway.commands()
    processes = [Process(name, [word for word in commands[name] if word != '--log-level=debug'],
                         gateway.folder / 'log' / name) for name in ('core', 'lan')]
    seconds = until_answer(port, began)
    time.sleep(1)
    memory = memory_of(*processes)
    for process in processes:
        process.stop()
    return {'start': seconds, 'memory': memory}


def b16(bench):
    port = free_port()
    folder = bench.folder / 'start'
    folder.mkdir()
    gateway = Gateway(bench.build, folder, f'[plugin harmony]\nlisten=127.0.0.1:{port}\n')
    gateway.start_bus()
    try:
        ours(gateway, port)  # makes its database
        results = bench.rounds_of({'ours': lambda: ours(gateway, port), 'bare': lambda: bare(bench)})
    finally:
        gateway.stop()
    yield 'start to first answer vs GLib + libsoup', results['ours']['start'] / results['bare']['start'], 2.0, 1.2
    yield 'idle memory, core + worker, vs the same', results['ours']['memory'] / results['bare']['memory'], 3.0, 2.0


def b18(bench):
    runs = []
    for number in range(bench.rounds):
        folder = bench.folder / f'plan-{number}'
        folder.mkdir()
        runs.append(json.loads(subprocess.check_output([bench.program('plan'), folder], stderr=subprocess.DEVNULL)))
    took = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    yield 'all nodes, ms', took['all_ms'], 1000, 100
    yield 'a node changed, ms', took['node_ms'], 1, 0.05
    yield 'a rule changed, ms', took['rule_ms'], 1, 0.05
    yield 'an edge of the hours, ms', took['edge_ms'], 1, 0.05
    yield 'the command that starts a rule, ms', took['start_ms'], None, None


def b20(bench):
    folder = bench.folder / 'flash'
    folder.mkdir()
    days = json.loads(subprocess.check_output([bench.program('flash'), folder], stderr=subprocess.DEVNULL))
    yield 'KiB written, first day', days['first_day'] / 1024, 4, 1
    yield 'KiB written, next day', days['next_day'] / 1024, 4, 1
