# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may include what: rooms look only to their left, each dangerous library has one door, plugins see one header."""
from csource import includes
from tree import Rule, Tree

# What each room may see besides itself: what stands left of it in every process that it is part of.
ROOMS = {
    'base': (),
    'model': ('base',),
    'net': ('base', 'model'),
    'store': ('base', 'model'),
    'link': ('base', 'model'),
    'control': ('base', 'model', 'store', 'link'),
    'bus': ('base', 'model', 'store', 'link', 'control'),
    'lan': ('base', 'model', 'net', 'link'),
    'wan': ('base', 'model', 'link'),
    'unpack': ('base', 'model', 'link'),
    'ctl': ('base', 'model'),
    'check': ('base', 'model', 'net', 'link', 'lan', 'unpack'),
}
MAINS = {
    'gatewayd/gatewayd.c': ROOMS['bus'] + ('bus',),
    'gatewayd/gatewayd-lan.c': ROOMS['lan'] + ('lan',),
    'gatewayd/gatewayd-wan.c': ROOMS['wan'] + ('wan',),
    'gatewayd/gatewayd-unpack.c': ROOMS['unpack'] + ('unpack',),
    'gatewayd/gatewayctl.c': ROOMS['ctl'] + ('ctl',),
    'gatewayd/gateway-plugin-check.c': ROOMS['check'] + ('check',),
}
PLUGIN_HEADER_READERS = ('link', 'lan', 'wan', 'unpack', 'check')
GENERATED_READERS = ('bus', 'ctl')

MAIN_DOORS = tuple(MAINS)
DOORS = {
    'sqlite3.h': ('gatewayd/store/db.c',),
    'openssl/': ('gatewayd/base/digest.c', 'gatewayd/base/sign.c', 'gatewayd/store/seal.c', 'gatewayd/net/tls.c',
                 'gatewayd/control/users.c'),
    'libsoup/': ('gatewayd/wan/http.c', 'gatewayd/wan/http-'),
    'archive.h': ('plugins/format/archive/',),
    'archive_entry.h': ('plugins/format/archive/',),
    'mosquitto.h': ('plugins/upstream/mqtt/',),
    'curl/': ('plugins/outlet/ftp-publish/ftp.c',),
    'systemd/': ('gatewayd/base/log.c',) + MAIN_DOORS,
    'jansson.h': ('gatewayd/base/json.h', 'plugins/upstream/'),
}

PURE_LIBC = {'assert.h', 'ctype.h', 'inttypes.h', 'limits.h', 'stdarg.h', 'stdbool.h', 'stddef.h', 'stdint.h', 'stdio.h',
             'stdlib.h', 'string.h', 'strings.h'}
LIBC = PURE_LIBC | {'dirent.h', 'errno.h', 'fcntl.h', 'math.h', 'poll.h', 'pthread.h', 'signal.h', 'time.h', 'unistd.h',
                    'stdatomic.h', 'fnmatch.h', 'sys/file.h', 'sys/inotify.h', 'sys/stat.h', 'sys/types.h',
                    'sys/random.h', 'sys/uio.h', 'endian.h', 'byteswap.h'}
# Beyond libc, by folder.
LIBRARIES = {
    'plugins/format/archive/': {'archive.h', 'archive_entry.h', 'locale.h'},
    'plugins/upstream/mqtt/': {'mosquitto.h'},
    'plugins/outlet/ftp-publish/': {'curl/curl.h'},
    'plugins/upstream/directory/': {'linux/openat2.h', 'sys/syscall.h'},
    'plugins/upstream/': {'jansson.h'},
}


# A source that two plugins are built of.
SHARED = {'plugins/outlet/ftp-publish/': 'plugins/transport/waspmote/upgrade.h'}


def room_of(path):
    parts = path.split('/')
    return parts[1] if len(parts) > 2 and parts[0] == 'gatewayd' else None


def allowed_rooms(path):
    room = room_of(path)
    if room is None:
        return MAINS.get(path)
    return ROOMS[room] + (room,) if room in ROOMS else None


def check_quoted(path, name, tree):
    target = name.split('/')[0]
    room = room_of(path)
    if name == 'gateway-plugin.h':
        return room is None or room in PLUGIN_HEADER_READERS
    if '/' not in name:  # made while building: from dbus/, or a text as a C literal
        is_here = f'{path.rsplit("/", 1)[0]}/{name}' in tree
        return not is_here and (room is None or room in GENERATED_READERS or name.endswith('.inc'))
    return target in allowed_rooms(path) and 'gatewayd/' + name in tree


def check_direction(tree):
    for path, text in tree.under(['gatewayd/'], ('.c', '.h')):
        if allowed_rooms(path) is None:
            yield f'{path}: belongs to no known room'
            continue
        for is_quoted, name in includes(text):
            if is_quoted and not check_quoted(path, name, tree):
                yield f'{path}: may not include "{name}" (rooms look only to their left, paths begin at gatewayd/)'


def check_doors(tree):
    for path, text in tree.under(['gatewayd/', 'plugins/', 'web/'], ('.c', '.h')):
        for _, name in includes(text):
            for header, doors in DOORS.items():
                if (name == header or header.endswith('/') and name.startswith(header)) and not path.startswith(doors):
                    yield f'{path}: may not include <{name}>; its door is {", ".join(doors)}'


def check_plugin(path, is_quoted, name, tree):
    folder = path.rsplit('/', 1)[0]
    if is_quoted:
        return name == 'gateway-plugin.h' or f'{folder}/{name}' in tree or \
            SHARED.get(f'{folder}/', '').endswith(f'/{name}')
    libc = PURE_LIBC if path.startswith('plugins/transport/') else LIBC
    return name in libc or any(path.startswith(f) and name in names for f, names in LIBRARIES.items())


def check_plugins(tree):
    for path, text in tree.under(['plugins/'], ('.c', '.h')):
        for is_quoted, name in includes(text):
            if not check_plugin(path, is_quoted, name, tree):
                yield f'{path}: a plugin may not include {name}'




RULES = [
    Rule('direction', check_direction, bad=[
        Tree({'gatewayd/model/a.c': '#include "store/b.h"\n', 'gatewayd/store/b.h': ''}),
        Tree({'gatewayd/link/a.c': '#include "net/b.h"\n', 'gatewayd/net/b.h': ''}),
        Tree({'gatewayd/lan/a.h': '#  include "control/b.h"\n', 'gatewayd/control/b.h': ''}),
        Tree({'gatewayd/base/a.c': '#include "b.h"\n', 'gatewayd/base/b.h': ''}),
        Tree({'gatewayd/base/a.c': '#include "../model/b.h"\n', 'gatewayd/model/b.h': ''}),
        Tree({'gatewayd/gatewayd-lan.c': '#include "store/b.h"\n', 'gatewayd/store/b.h': ''}),
        Tree({'gatewayd/store/a.c': '#include "gateway-plugin.h"\n'}),
        Tree({'gatewayd/bus/a.c': '#include "b.h"\n', 'gatewayd/bus/b.h': ''}),
        Tree({'gatewayd/store/a.c': '#include "generated.h"\n'}),
        Tree({'gatewayd/attic/a.c': ''}),
    ], good=[
        Tree({'gatewayd/control/a.c': '#include "store/b.h"\n#include <glib.h>\n', 'gatewayd/store/b.h': ''}),
        Tree({'gatewayd/model/a.c': '/* #include "store/b.h" */\n', 'gatewayd/store/b.h': ''}),
        Tree({'gatewayd/lan/a.c': '#include "gateway-plugin.h"\n'}),
        Tree({'gatewayd/bus/a.c': '#include "gateway-dbus.h"\n', 'gatewayd/store/a.c': '#include "b.sql.inc"\n'}),
    ]),
    Rule('doors', check_doors, bad=[
        Tree({'gatewayd/store/blobs.c': '#include <sqlite3.h>\n'}),
        Tree({'gatewayd/control/a.h': '#include <openssl/evp.h>\n'}),
        Tree({'plugins/upstream/x/x.c': '#include <libsoup/soup.h>\n'}),
        Tree({'gatewayd/lan/host.c': '#include <systemd/sd-daemon.h>\n'}),
        Tree({'gatewayd/control/a.c': '#include <jansson.h>\n'}),
    ], good=[
        Tree({'gatewayd/store/db.c': '#include <sqlite3.h>\n'}),
        Tree({'gatewayd/gatewayd-lan.c': '#include <systemd/sd-daemon.h>\n'}),
        Tree({'tests/unit/base/a.c': '#include <openssl/evp.h>\n'}),
    ]),
    Rule('plugin-headers', check_plugins, bad=[
        Tree({'plugins/transport/x/x.c': '#include "base/error.h"\n'}),
        Tree({'plugins/transport/x/x.c': '#include "../../../gatewayd/base/error.h"\n'}),
        Tree({'plugins/transport/x/x.c': '#include <sys/stat.h>\n'}),
        Tree({'plugins/upstream/x/x.c': '#include <glib.h>\n'}),
        Tree({'plugins/upstream/x/x.c': '#include <mosquitto.h>\n'}),
    ], good=[
        Tree({'plugins/transport/x/x.c': '#include "gateway-plugin.h"\n#include <string.h>\n#include "y.h"\n',
              'plugins/transport/x/y.h': ''}),
        Tree({'plugins/upstream/x/x.c': '#include <sys/stat.h>\n'}),
    ]),
]
