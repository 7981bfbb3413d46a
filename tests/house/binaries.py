# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules that need a tool: the formatter, the compiler, and the symbol tables of the built plugins."""
import glob
import os
import re
import subprocess
import tempfile

from tree import Rule, Tree

# What the compiler's own start files put there.
START_FILES = re.compile(r'^(completed\.\d+|__dso_handle|__TMC_END__|_edata|_end|__bss_start|__(gcov|asan|ubsan|lsan|tsan)\w*)?$')
KEPT = []  # build folders of invented trees, removed at exit
WRITABLE = {'.data', '.bss', '.tdata', '.tbss'}


def run(*arguments, **options):
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def check_format(tree):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, '.clang-format'), 'w', encoding='utf-8') as file:
            file.write(tree['.clang-format'])
        paths = []
        for path, text in tree.under([''], ('.c', '.h')):
            os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(folder, path), 'w', encoding='utf-8') as file:
                file.write(text)
            paths.append(path)
        result = run('clang-format', '--dry-run', '-Werror', *paths, cwd=folder)
    found = re.findall(r'^(\S+?:\d+):\d+: error', result.stdout, re.M)
    yield from (f'{place}: not as clang-format would have it' for place in found)
    if result.returncode and not found:
        yield result.stdout


def writable_symbols(path):
    """Names of objects that lie in writable sections; constants that only need relocation are not among them."""
    sections = {}
    for index, name in re.findall(r'^ *\[ *(\d+)\] (\S+) ', run('readelf', '-SW', path).stdout, re.M):
        sections[index] = name
    symbols = re.findall(r'^ *\d+: +\S+ +(?:\S+) (?:OBJECT|TLS|NOTYPE) +\S+ +\S+ +(\d+) ?(\S*)$',
                         run('readelf', '-sW', path).stdout, re.M)
    return sorted({name for index, name in symbols if sections.get(index) in WRITABLE and not START_FILES.match(name)})


def section_sizes(path):
    return {name: int(size, 16) for name, size in
            re.findall(r'^ *\[ *\d+\] (\S+) +\S+ +\S+ +\S+ +(\S+)', run('readelf', '-SW', path).stdout, re.M)}


def check_shared_object(path):
    if not section_sizes(path):
        yield f'{path}: readelf finds no sections'
    for name in writable_symbols(path):
        yield f'{path}: writable static data: {name}'


def shared_objects(tree, folders):
    """(complaint, path) for each folder of plugin sources: what was built from it."""
    for folder in sorted({path.rsplit('/', 1)[0] for path, _ in tree.under(folders, ('.c',))}):
        objects = glob.glob(os.path.join(tree.build, folder, '*.so'))
        if not objects:
            yield f'{folder}: no shared object was built from it', None
        yield from ((None, path) for path in objects)


def check_statics(tree):
    for complaint, path in shared_objects(tree, ['plugins/transport/', 'plugins/example/']):
        yield from [complaint] if complaint else check_shared_object(path)


def check_exports(path):
    """One constant goes out, and nothing of the daemon comes in."""
    exported = re.findall(r'^\S+ [A-Z] (\S+)$', run('nm', '-D', '--defined-only', path).stdout, re.M)
    if exported != ['gateway_plugin']:
        yield f'{path}: exports {", ".join(exported) or "nothing"} and should export gateway_plugin'
    for name in re.findall(r'^ +U ((?:gw|g)_\w+)', run('nm', '-D', '--undefined-only', path).stdout, re.M):
        yield f'{path}: needs {name}'


def check_abi(tree):
    for complaint, path in shared_objects(tree, ['plugins/']):
        yield from [complaint] if complaint else check_exports(path)
    for standard in ('c11', 'c17'):
        result = run('cc', '-std=' + standard, '-pedantic', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c', '-',
                     input=tree['plugins/gateway-plugin.h'].replace('#pragma once', ''))
        if result.returncode:
            yield f'plugins/gateway-plugin.h is not plain {standard}: {result.stdout}'


def compiled(source):
    """A tree whose build folder holds one transport made from source."""
    KEPT.append(tempfile.TemporaryDirectory(prefix='house-'))
    build = KEPT[-1].name
    folder = os.path.join(build, 'plugins/transport/x')
    os.makedirs(folder)
    result = run('cc', '-shared', '-fPIC', '-O1', '-x', 'c', '-', '-o', folder + '/x.so', input=source)
    if result.returncode:
        raise RuntimeError(result.stdout)
    return Tree({'plugins/transport/x/x.c': source, 'plugins/gateway-plugin.h': 'struct GatewayPlugin;'}, build=build)


def style(text):
    return Tree({'.clang-format': 'BasedOnStyle: LLVM\n', 'gatewayd/a.c': text})


PLUGIN = 'extern const int gateway_plugin; const int gateway_plugin = 1;\n'
CONSTANT = 'static const char *const names[] = {"a", "b"};\nconst char *const *\ngateway(void) { return names; }\n'

RULES = [
    Rule('format', check_format, bad=[style('int   a;\n')], good=[style('int a;\n')]),
    Rule('transport-statics', check_statics, bad=[
        lambda: compiled(CONSTANT + 'static int n; int count(void) { return ++n; }\n'),
        lambda: compiled(CONSTANT + 'int exported = 7;\n'),
        lambda: compiled(CONSTANT + 'static __thread int n; int count(void) { return ++n; }\n'),
        lambda: Tree({'plugins/transport/x/x.c': ''}, build='/nonexistent'),
    ], good=[lambda: compiled(CONSTANT)]),
    Rule('plugin-abi', check_abi, bad=[
        lambda: compiled(CONSTANT),
        lambda: compiled(PLUGIN + 'int another(void) { return 1; }\n'),
        lambda: compiled(PLUGIN + 'void gw_x(void); __attribute__((visibility("hidden"))) void f(void) { gw_x(); }\n'),
        lambda: Tree({'plugins/gateway-plugin.h': 'typedef struct { int a; } GatewayPlugin;;\n'}),
        lambda: Tree({'plugins/x/x.c': '', 'plugins/gateway-plugin.h': ''}, build='/nonexistent'),
    ], good=[lambda: compiled(PLUGIN)]),
]
