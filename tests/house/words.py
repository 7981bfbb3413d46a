# SPDX-License-Identifier: LGPL-2.1-or-later
"""Words: vendors' in the house, unfinished work, licences, and what the rooms that only think may not call."""
import re

from csource import strip
from tree import Rule, Tree

VENDORS = re.compile(r'waspmote|meshlium|libelium|harmony|pic32|microchip|gizwits|gagent|quectel|air720|luat|hawkbit|'
                     r'\bddi\b|esp8266|espressif|esp32|mcuboot', re.I)
# HTTP's own phrase for 501 is written with two capitals.
UNFINISHED = re.compile(r'\b(?:TO' r'DO|FIX' r'ME|HA' r'CK|X' r'XX)\b|[Nn]ot impl' r'emented|[Uu]nimpl' r'emented')

LICENSE = re.compile(r'SPDX-License-Identifier: (\S+)')
MIT_PATHS = ('plugins/gateway-plugin.h', 'plugins/example/')
# Files that cannot hold a comment, or that are data of a test.
UNLICENSED = re.compile(r'(^|/)(LICENSE|package-lock\.json|[^/]*\.json|[^/]*\.sig|[^/]*\.pem|[^/]*\.svg|py\.typed)$|/corpus/|'
                        r'/data/|^debian/(control|changelog|compat|source/)')

IMPURE = re.compile(r'\b(gw_clock_(?:now|boot_ms|wall_ms|boot_id)|gw_random|g_random_\w+|g_get_(?:real|monotonic)_time|'
                    r'g_date_time_new_now\w*|time|clock_gettime|getrandom|fopen|open|openat|g_file_\w+|gw_file_\w+|'
                    r'g_getenv|getenv)\s*\(')
LOGGING = re.compile(r'\b(gw_(?:log|log_alert|log_peer|debug|info|notice|warning|err)|g_(?:warning|message|print|printerr)'
                     r'|printf|puts)\s*\(')
SILENT_ROOMS = ['gatewayd/base/', 'gatewayd/model/', 'gatewayd/net/']


def matches(pattern, text):
    for number, line in enumerate(text.splitlines(), 1):
        found = pattern.search(line)
        if found:
            yield number, found.group(0)


def check_vendors(tree):
    for path, text in tree.under(['gatewayd/', 'web/']):
        if VENDORS.search(path):
            yield f'{path}: names a vendor'
        for number, word in matches(VENDORS, text):
            yield f'{path}:{number}: "{word}"; vendors live in plugins/'


def check_unfinished(tree):
    for path, text in tree.items():
        if path == 'LICENSE' or path.endswith('package-lock.json'):
            continue
        for number, word in matches(UNFINISHED, text):
            yield f'{path}:{number}: "{word}"'


def check_licenses(tree):
    for path, text in tree.items():
        if UNLICENSED.search(path) or not text:
            continue
        found = LICENSE.search('\n'.join(text.splitlines()[:5]))
        wanted = 'MIT' if path.startswith(MIT_PATHS) else 'LGPL-2.1-or-later'
        if not found:
            yield f'{path}: no SPDX line among its first five'
        elif found.group(1) != wanted:
            yield f'{path}: is {found.group(1)} and should be {wanted}'


def check_pure(tree):
    for path, text in tree.under(['gatewayd/model/'], ('.c', '.h')):
        for number, call in matches(IMPURE, strip(text)):
            yield f'{path}:{number}: {call}): model takes time, chance and files as arguments'


def check_silent(tree):
    for path, text in tree.under(SILENT_ROOMS, ('.c',)):
        if path == 'gatewayd/base/log.c':
            continue
        for number, call in matches(LOGGING, strip(text)):
            yield f'{path}:{number}: {call}): this room returns errors, it does not log'


LGPL = '/* SPDX-License-Identifier: LGPL-2.1-or-later */\n'
MIT = '/* SPDX-License-Identifier: MIT */\n'

RULES = [
    Rule('vendor-words', check_vendors, bad=[
        Tree({'gatewayd/lan/a.c': '/* as Waspmote does */\n'}),
        Tree({'web/app/src/a.tsx': 'const hawkBit = 1\n'}),
        Tree({'gatewayd/lan/quectel.c': ''}),
    ], good=[Tree({'plugins/transport/a.c': 'waspmote', 'gatewayd/lan/a.c': 'addition\n'})]),
    Rule('unfinished', check_unfinished, bad=[
        Tree({'gatewayd/a.c': '/* TO' 'DO: later */\n'}),
        Tree({'docs/a.md': 'This is not impl' 'emented.\n'}),
        Tree({'tests/a.py': '# FIX' 'ME\n'}),
    ], good=[Tree({'gatewayd/a.c': 'todos fixmes are implemented\n'})]),
    Rule('licenses', check_licenses, bad=[
        Tree({'gatewayd/a.c': 'int a;\n'}),
        Tree({'gatewayd/a.c': MIT}),
        Tree({'plugins/gateway-plugin.h': LGPL}),
        Tree({'run': '#!/bin/sh\n'}),
    ], good=[Tree({'gatewayd/a.c': LGPL, 'plugins/example/a.c': MIT, 'LICENSE': 'x', 'tests/fuzz/corpus/a/b': 'x'})]),
    Rule('pure-model', check_pure, bad=[
        Tree({'gatewayd/model/a.c': 'int\nf(void)\n{\n  return gw_clock_now().boot_ms;\n}\n'}),
        Tree({'gatewayd/model/a.c': '  x = time(NULL);\n'}),
    ], good=[Tree({'gatewayd/model/a.c': '/* gw_clock_now() is for the mains */ update_time(x);\n'})]),
    Rule('silent-rooms', check_silent, bad=[
        Tree({'gatewayd/net/a.c': '  gw_warning(GW_SUBJECT_PEER, NULL, "x");\n'}),
        Tree({'gatewayd/model/a.c': '  printf("x");\n'}),
    ], good=[Tree({'gatewayd/lan/a.c': '  gw_warning(GW_SUBJECT_PEER, NULL, "x");\n',
                   'gatewayd/net/a.c': '  snprintf(a, 1, "x");\n'})]),
]
