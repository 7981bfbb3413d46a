# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines of single makes: what they ask of the whole gateway (core and workers), and what nginx needs for the same bytes
without knowing anybody."""
import hashlib
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'system'))

from bench import LOAD_CORE, SERVER_CORE, Server, free_port, pinned, wait_for_port
from gateway import PLUGIN_FOLDERS, Gateway, Process, wait_for

CONFIG = '''[clock]
trust=always
[limits]
transfers=20000
[lan]
stranger-connections=1000
adopted-connections=1000
segment-transfers=20000
node-transfers=1000
[plugin harmony]
enabled=no
'''
NGINX = '''
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 10000; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600;
  open_file_cache max=1000 inactive=600s; open_file_cache_valid 600s;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder};
    location /no {{ default_type application/json; return 400 '{no}'; }} }}
}}
'''


class DeviceSite:
    """A gateway with one transport, pinned, and nginx on the same core."""

    def __init__(self, bench, plugin, more, no=''):
        self.folder = bench.folder / plugin
        self.folder.mkdir(mode=0o755)
        self.bench, self.plugin = bench, plugin
        self.gateway = Gateway(bench.build, self.folder / 'gateway', CONFIG + more)
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, f'plugins/transport/{plugin}']
        self.gateway.prefix = ('taskset', '-c', SERVER_CORE)
        self.gateway.start()
        wait_for('the transport', lambda: self.gateway.row('plugins', 'name', plugin))
        self.gateway.ctl('product', 'set', 'product', f'--plugin={plugin}')
        port = free_port()
        (self.folder / 'nginx.conf').write_text(NGINX.format(folder=self.folder, port=port, no=no))
        nginx = subprocess.Popen(pinned(SERVER_CORE, 'nginx', '-c', self.folder / 'nginx.conf', '-p', self.folder),
                                 stderr=subprocess.DEVNULL)
        self.nginx = Server('nginx', port, port, nginx)
        wait_for_port(port, nginx)

    def server(self, port=0):
        return Server('gatewayd', port, port, *(self.gateway.processes[name].child for name in ('core', 'lan')))

    def stop(self):
        self.gateway.stop()
        self.nginx.stop()


STORM_NODES, STORM_TRIES = 10_000, 30
STORM = '/api/site/firmware_upgrade?project_key=K&imei=8668880201{}&firmware_name=demo_Core&version=1.0.0'
STORM_ANSWER = '{"code": 27, "msg": "nothing due"}'


def b21(bench):
    """Each module tries thirty times in a row when it hears no; a connection each time."""
    port = free_port()
    site = DeviceSite(bench, 'openluat', f'[plugin openluat]\nlisten=127.0.0.1:{port}\n', STORM_ANSWER)
    storm = {'new': True, 'nodes': STORM_NODES, 'first': 10_000, 'status': 400, 'sources': 50}
    try:
        ours = site.server(port)
        bench.load(ours, STORM, **storm, requests=STORM_NODES, connections=8)
        wait_for('every node in the registry', lambda: site.gateway.json('status')['nodes'] >= STORM_NODES, 60)
        nodes = [f'8668880201{number}' for number in range(10_000, 10_000 + STORM_NODES)]
        for first in range(0, STORM_NODES, 500):
            site.gateway.ctl('nodes', 'adopt', *nodes[first:first + 500], '--product=product')
        bench.load(ours, STORM, **storm, requests=STORM_NODES, connections=8)
        results = bench.rounds_of({
            'ours': lambda: bench.cost(ours, lambda server: bench.load(
                server, STORM, **storm, repeat=STORM_TRIES, requests=STORM_NODES * STORM_TRIES)),
            'nginx': lambda: bench.cost(site.nginx, lambda server: bench.load(
                server, '/no', new=True, status=400, sources=64, requests=STORM_NODES * STORM_TRIES))})
        yield 'CPU per answer (core and worker) vs nginx', results['ours']['request'] / results['nginx']['request'], None, None
        yield 'answers/s', results['ours']['requests'] / results['ours']['elapsed_s'], None, None
    finally:
        site.stop()


READ, READS = 974, 1000


def serial_update(site, node, number):
    """One update of the MCU; the CPU of the gateway for each of its reads."""
    version = f'1_0_{number}'
    image = site.folder / f'{version}.bin'
    body = b'MCU' + version.encode() + b'\n' + os.urandom(READ * READS - 32 - 4 - len(version))
    image.write_bytes(body + hashlib.sha256(body).digest())
    server = site.server()
    before = server.cpu_s()
    site.gateway.ctl('push', image, 'mcu', f'--version={version}', '--type=STM32')
    wait_for('the new version', lambda: f'running version {version}\n' in node.text(), 120)
    return {'request': (server.cpu_s() - before) / READS}


def b23(bench):
    line = bench.folder / 'line'
    nodes = bench.build / 'tests' / 'nodes' / 'gateway-nodes'
    node = Process('mcu', pinned(LOAD_CORE, nodes, f'quectel:{line},name=mcu'), bench.folder / 'mcu.log')
    wait_for('the line', line.is_symlink)
    site = DeviceSite(bench, 'quectel-at', f'[line mcu]\ndevice={line}\nplugin=quectel-at\nnode=mcu\n')
    try:
        (site.folder / 'image.bin').write_bytes(os.urandom(READ * READS))
        wait_for('the node', lambda: site.gateway.row('nodes', 'id', 'mcu'), 60)
        site.gateway.ctl('nodes', 'adopt', 'mcu', '--product=product')
        numbers = iter(range(1, 1000))
        results = bench.rounds_of({
            'ours': lambda: serial_update(site, node, next(numbers)),
            'nginx': lambda: bench.cost(site.nginx, lambda server: bench.load(
                server, '/image.bin', block=READ, image=READ * READS, connections=1))})
        yield 'CPU per read, whole update, vs a Range of nginx', results['ours']['request'] / results['nginx']['request'], None, None
    finally:
        node.kill()
        site.stop()
