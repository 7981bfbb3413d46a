# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines of FTP: the whole gateway, with logins, rules and an honest 226, against vsftpd with an anonymous login, as
it is by default and with one process for each session."""
import subprocess
import sys
import tempfile
from pathlib import Path

from gi.repository import Gio, GLib

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'system'))

from bench import LOAD_CORE, SERVER_CORE, Server, free_port, pinned, tree_of, wait_for_port
from gateway import wait_for
from site_of_waspmote import IMAGE, FtpSite

NODES = 10_000  # each has its turn before any comes again
NODES_OF_A_RULE = 100
ATTEMPTS = 100  # images for each node
IN_FLIGHT = 8  # calls to the core
IDLE = 1000
SESSIONS = 64  # at a time
LAN = 'connections=8000\nadopted-connections=8000'
LIMITS = '[limits]\ntransfers=20000'
VSFTPD = '''background=NO
listen=YES
listen_address=127.0.0.1
listen_port={port}
anonymous_enable=YES
anon_root={folder}/files
secure_chroot_dir={folder}/empty
max_clients=0
max_per_ip=0
xferlog_enable=NO
one_process_model={is_one}
'''


class FtpBench:
    def __init__(self, bench):
        self.bench, self.folder = bench, Path(tempfile.mkdtemp(prefix='ftp-', dir=bench.folder))
        self.folder.chmod(0o755)
        self.site = FtpSite(bench.build, self.folder / 'site', lan=LAN, more=LIMITS)
        self.site.gateway.prefix = ('taskset', '-c', SERVER_CORE)
        self.site.start().prove(f'--attempts={ATTEMPTS}')
        self.servers, self.n_sessions, self.in_flight = [], 0, 0
        self.bus = Gio.DBusConnection.new_for_address_sync(
            self.site.gateway.bus, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
            Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        for name in ('files', 'empty'):
            (self.folder / name).mkdir(mode=0o755)
        (self.folder / 'files' / IMAGE).write_bytes(self.site.image)

    def call_all(self, method, signature, calls):
        """Many at once; the results in the order of the calls."""
        results, errors = {}, []

        def done(bus, result, number):
            self.in_flight -= 1
            try:
                results[number] = bus.call_finish(result).unpack()
            except GLib.Error as error:
                errors.append(error.message)
        for number, arguments in enumerate(calls):
            while self.in_flight >= IN_FLIGHT:
                GLib.MainContext.default().iteration(True)
            self.in_flight += 1
            self.bus.call('org.gatewayd.Gateway1', '/org/gatewayd/Gateway1', 'org.gatewayd.Gateway1', method,
                          GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE, 60_000, None, done, number)
        while self.in_flight:
            GLib.MainContext.default().iteration(True)
        if errors:
            raise SystemExit(f'{method}: {errors[0]}')
        return [results[number] for number in range(len(calls))]

    def start_ours(self, count=NODES):
        names = [f'n{number}' for number in range(count)]
        logins = self.folder / 'logins'
        product = {'product': GLib.Variant('s', 'mote')}
        (self.folder / 'files/UPGRADE.TXT').write_text(self.site.add('first'))
        self.site.gateway.ctl('rules', 'stop', 'all', '--yes')
        self.call_all('SetNode', '(sa{sv}a{sv})', [(name, product, {}) for name in names])
        self.call_all('AdoptNodes', '(asa{sv})', [(names[first:first + 1000], product)
                                                  for first in range(0, count, 1000)])
        secrets = self.call_all('MakeCredential', '(sa{sv})', [(name, {}) for name in names])
        logins.write_text(''.join(f'{name} {secret[0]}\n' for name, secret in zip(names, secrets)))
        subprocess.run(pinned(LOAD_CORE, self.bench.program('ftp-load'), f'--port={self.site.port}',
                              f'--logins={logins}', f'--image={self.folder / "files" / IMAGE}',
                              f'--sessions={SESSIONS}', f'--introduce={count}'), check=True, stdout=subprocess.DEVNULL)
        for first in range(0, count, NODES_OF_A_RULE):
            self.add_rule(f'r{first}', names[first:first + NODES_OF_A_RULE])
        processes = [self.site.gateway.processes[name].child for name in ('core', 'lan')]
        self.worker = Server('lan', self.site.port, self.site.port, processes[1])
        return self.started(Server('gatewayd', self.site.port, self.site.port, *processes), logins)

    def add_rule(self, name, nodes):
        self.site.gateway.ctl('rules', 'create', name, f'--firmware={self.site.firmware}', '--include-unknown',
                              f'--attempts={ATTEMPTS}', *(f'--node={node}' for node in nodes))
        self.site.gateway.ctl('rules', 'start', name, '--yes')

    def start_vsftpd(self, name, is_one):
        port, config, logins = free_port(), self.folder / f'{name}.conf', self.folder / f'{name}.logins'
        config.write_text(VSFTPD.format(port=port, folder=self.folder, is_one=is_one))
        logins.write_text('anonymous node@example.org\n')
        process = subprocess.Popen(pinned(LOAD_CORE, sys.executable, Path(__file__).with_name('nurse.py'),
                                          *pinned(SERVER_CORE, 'vsftpd', config)))
        wait_for_port(port, process)
        return self.started(Server(name, port, port, process), logins)

    def started(self, server, logins):
        server.logins = logins
        server.memory_at_start = server.user_memory()
        self.servers.append(server)
        return server

    def command(self, server, **options):
        words = [f'--{name}={value}' for name, value in options.items()]
        return pinned('1', self.bench.program('ftp-load'), f'--port={server.port}', f'--logins={server.logins}',
                      f'--image={self.folder / "files" / IMAGE}', f'--first={self.n_sessions}', *words)

    def load(self, server, **options):
        options.setdefault('seconds', self.bench.seconds)
        options.setdefault('sessions', SESSIONS)
        report = self.bench.report(self.command(server, **options))
        if report['errors'] > report['requests'] / 100:
            raise SystemExit(f'{server.name}: {report}')
        if server.name == 'gatewayd':
            self.n_sessions += report['requests']
        return report

    def cost(self, server, **options):
        """The CPU of a process for each session is known when it has ended and was waited for; many of them outlive
        their parents, and are waited for by the nurse."""
        before, worker_before = self.cpu_s(server), self.cpu_s(server, self.worker)
        report = self.load(server, **options)
        if server.name != 'gatewayd':
            wait_for('the last session to end', lambda: len(tree_of(server.processes[0].pid)) == 2)
        return {'cpu': (self.cpu_s(server) - before) / report['requests'],
                'worker': (self.cpu_s(server, self.worker) - worker_before) / report['requests'],
                'rate': report['requests'] / report['elapsed_s']}

    def cpu_s(self, server, part=None):
        if server.name == 'gatewayd':
            return (part or server).cpu_s()
        nurse, listener = tree_of(server.processes[0].pid)[:2]
        return (sum(self.ticks_of(nurse)[2:]) + sum(self.ticks_of(listener))) / 100

    @staticmethod
    def ticks_of(pid):
        """In user and kernel, of its own and of its children that ended."""
        return [int(word) for word in Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[11:15]]

    def compare(self, **options):
        return self.bench.rounds_of({server.name: lambda server=server: self.cost(server, **options)
                                     for server in self.servers})

    def stop(self):
        for server in self.servers:
            if server.name != 'gatewayd':
                server.stop()
        self.site.stop()


def with_servers(bench):
    one = FtpBench(bench)
    one.start_ours()
    one.start_vsftpd('vsftpd', 'NO')
    one.start_vsftpd('vsftpd-one', 'YES')
    return one


def against_vsftpd(bench, mode):
    one = with_servers(bench)
    try:
        results = one.compare(mode=mode)
    finally:
        one.stop()
    for name, words in (('vsftpd', 'vsftpd'), ('vsftpd-one', 'vsftpd, one process each')):
        yield words, results['gatewayd'], results[name]


def b9(bench):
    for words, ours, theirs in against_vsftpd(bench, 'PASV'):
        is_default = words == 'vsftpd'
        yield (f'sessions/s vs {words}', ours['rate'] / theirs['rate'], ('>=', 10.0) if is_default else None,
               ('>=', 20.0) if is_default else None)
        yield (f'CPU per session vs {words}', ours['cpu'] / theirs['cpu'], 0.08 if is_default else None,
               0.04 if is_default else None)
        yield f'of that the worker alone vs {words}', ours['worker'] / theirs['cpu'], None, None


def b10(bench):
    for words, ours, theirs in against_vsftpd(bench, 'PORT'):
        is_default = words == 'vsftpd'
        yield (f'sessions/s vs {words}', ours['rate'] / theirs['rate'], ('>=', 10.0) if is_default else None,
               ('>=', 20.0) if is_default else None)


def b11(bench):
    one = FtpBench(bench)
    try:
        server = one.start_ours()
        report = one.load(server, seconds=62)
        yield 'sessions/s after 60 s vs the first 2 s', report['last'] / report['first'], ('>=', 0.9), ('>=', 0.97)
    finally:
        one.stop()


def b12(bench):
    one = FtpBench(bench)
    try:
        server = one.start_ours()
        one.load(server)  # what is allocated once
        before = server.user_memory()
        holder = subprocess.Popen(one.command(server, idle=IDLE), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        if '"idle"' not in holder.stdout.readline():
            raise SystemExit('logins failed')
        wait_for('the memory to settle', lambda: server.user_memory() > before)
        yield 'user memory, KiB', (server.user_memory() - before) / 1024 / IDLE, 2.0, 0.6
        holder.communicate('')
    finally:
        one.stop()
