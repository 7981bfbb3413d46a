# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers to be measured and how: each pinned to one core, the load to the other; the CPU of a server is that of its
whole process tree. Figures are ratios of medians over interleaved rounds."""
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

SERVER_CORE, LOAD_CORE = '0', '1'
MIB = 1 << 20


def pinned(core, *command):
    return ['taskset', '-c', core, *map(str, command)]


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    for _ in range(500):
        if process.poll() is not None:
            raise SystemExit(f'{process.args} ended with {process.returncode}')
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f'{process.args} does not listen on port {port}')


def tree_of(pid):
    children = {}
    for entry in Path('/proc').glob('[0-9]*'):
        try:
            parent = int((entry / 'stat').read_text().rsplit(')', 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


class Server:
    """Something that listens, plain and by TLS; `processes` are the roots of its trees."""

    def __init__(self, name, port, tls_port, *processes):
        self.name, self.port, self.tls_port, self.processes = name, port, tls_port, processes
        self.memory_at_start = 0

    def pids(self):
        return [pid for process in self.processes for pid in tree_of(process.pid)]

    def cpu_s(self):
        """What all its threads have run so far."""
        total = 0
        for pid in self.pids():
            for task in Path(f'/proc/{pid}/task').iterdir():
                total += int((task / 'schedstat').read_text().split()[0])
        return total / 1e9

    def user_memory(self):
        total = 0
        for pid in self.pids():
            for line in Path(f'/proc/{pid}/status').read_text().splitlines():
                if line.startswith('RssAnon:'):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


NGINX = '''
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600;
  open_file_cache max=1000 inactive=600s; open_file_cache_valid 600s;
  types {{ application/json json; application/octet-stream bin; }}
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {files}; }}
  server {{ listen 127.0.0.1:{tls_port} ssl backlog=4096; root {files};
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.2 TLSv1.3; }}
}}
'''


class Bench:
    """The folder with the files, the certificate and the programs."""

    def __init__(self, build, rounds, seconds):
        self.build, self.rounds, self.seconds = Path(build), rounds, seconds
        self.folder = Path(tempfile.mkdtemp(prefix='gatewayd-bench-'))
        self.folder.chmod(0o755)
        self.files = self.folder / 'files'
        self.files.mkdir()
        self.servers = []
        dice = random.Random(1)
        self.make_file('manifest.json', b'{"ota":[' + b'x' * 1014 + b']}')
        for name, size in (('256k', MIB // 4), ('1m', MIB), ('64m', 64 * MIB)):
            self.make_file(name + '.bin', dice.randbytes(size))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-keyout', self.folder / 'key.pem', '-out', self.folder / 'certificate.pem', '-days', '2',
                        '-subj', '/CN=h'], check=True, capture_output=True)

    def make_file(self, name, data):
        (self.files / name).write_bytes(data)

    def program(self, name):
        return self.build / 'tests' / 'bench' / ('bench-' + name)

    def start_ours(self):
        port, tls_port = free_port(), free_port()
        files = sorted(self.files.iterdir())
        tls = ['--tls', self.folder / 'certificate.pem', '--key', self.folder / 'key.pem']
        processes = [subprocess.Popen(pinned(SERVER_CORE, self.program('serve'), '--port', use, *more, *files),
                                      stdout=subprocess.DEVNULL)
                     for use, more in ((port, []), (tls_port, tls))]
        return self.started(Server('gatewayd', port, tls_port, *processes))

    def start_nginx(self):
        port, tls_port = free_port(), free_port()
        config = self.folder / 'nginx.conf'
        config.write_text(NGINX.format(folder=self.folder, files=self.files, port=port, tls_port=tls_port))
        process = subprocess.Popen(pinned(SERVER_CORE, 'nginx', '-c', config, '-p', self.folder),
                                   stderr=subprocess.DEVNULL)
        return self.started(Server('nginx', port, tls_port, process))

    def started(self, server):
        self.servers.append(server)
        wait_for_port(server.port, server.processes[0])
        wait_for_port(server.tls_port, server.processes[-1])
        server.memory_at_start = server.user_memory()
        return server

    def stop_servers(self):
        while self.servers:
            self.servers.pop().stop()

    def stop(self):
        self.stop_servers()
        shutil.rmtree(self.folder)

    # ---- load ----

    def load_command(self, server, path, **options):
        words = [f'--{name}' if value is True else f'--{name}={value}' for name, value in options.items()]
        return pinned(LOAD_CORE, self.program('load'), '--port', server.port, '--path', path, *words)

    def load(self, server, path, **options):
        options.setdefault('seconds', self.seconds)
        return self.report(self.load_command(server, path, **options))

    def tls_load(self, server, path, threads, *keep):
        return self.report(pinned(LOAD_CORE, self.program('tls-load'), server.tls_port, path, self.seconds, threads,
                                  *keep))

    @staticmethod
    def report(command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f'{command} failed: {done.stdout} {done.stderr}')
        return json.loads(done.stdout.splitlines()[-1])

    def cost(self, server, run):
        """CPU seconds of the server per request and per byte of what run() makes, and bytes a second."""
        before = server.cpu_s()
        report = run(server)
        cpu = server.cpu_s() - before
        return {'request': cpu / report['requests'], 'byte': cpu / report['bytes'],
                'speed': report['bytes'] / report['elapsed_s'], **report}

    def rounds_of(self, runs):
        """runs: name -> function without arguments that gives a dict of figures. Every round runs each once, in rotating
        order. Gives name -> figure -> median."""
        results = {name: [] for name in runs}
        names = list(runs)
        for number in range(self.rounds):
            for offset in range(len(names)):
                name = names[(number + offset) % len(names)]
                results[name].append(runs[name]())
        return {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
                for name, rows in results.items()}

    def compare(self, run):
        """The same load for every server."""
        return self.rounds_of({server.name: lambda server=server: self.cost(server, run) for server in self.servers})
