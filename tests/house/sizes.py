# SPDX-License-Identifier: LGPL-2.1-or-later
"""How large things may be, and the few other limits of form."""
import ast
import re

from csource import functions, nesting, strip
from tree import Rule, Tree

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80
SHORT_LINES = 40
SHORT_OF = 10  # nine of ten functions have fewer
PARAMETERS_MAX = 5
NESTING_MAX = 3
# The contract with plugins is one header by design, and most of it is its documentation.
LARGER_FILES = {'plugins/gateway-plugin.h': 800}
FREE = re.compile(r'GError \*\*|GatewayScratch \*|\.\.\.$')
POINTER = re.compile(r'\*|\[')
LENGTH = re.compile(r'^(?:gsize|size_t|guint|int|unsigned) (?:size|n|len|length|\w+_size|n_\w+)$')
SOURCES = ['gatewayd/', 'plugins/', 'web/', 'tests/']
CODE_ENDINGS = ('.c', '.h', '.py', '.ts', '.tsx', '.js', '.css')


def check_files(tree):
    for path, text in tree.under([''], CODE_ENDINGS):
        n, most = text.count('\n'), LARGER_FILES.get(path, FILE_LINES_MAX)
        if n > most:
            yield f'{path}: {n} lines, more than {most}; it has become two nouns'


def count_parameters(function):
    """GError **, "..." and a plugin's scratch are free; a pointer and its length are one. The signatures of D-Bus are
    not ours to choose."""
    if any(re.search(r'GDBus(MethodInvocation|Connection)', p) for p in function.parameters):
        return 0
    n, before = 0, ''
    for parameter in function.parameters:
        is_length = POINTER.search(before) and LENGTH.search(parameter)
        n += not (FREE.match(parameter) or is_length)
        before = parameter
    return n


def check_function(path, function):
    where = f'{path}:{function.line}: {function.name}()'
    if function.n_lines > FUNCTION_LINES_MAX:
        yield f'{where} has {function.n_lines} lines, more than {FUNCTION_LINES_MAX}'
    if count_parameters(function) > PARAMETERS_MAX:
        yield f'{where} has {count_parameters(function)} parameters, more than {PARAMETERS_MAX}'
    if function.depth > NESTING_MAX:
        yield f'{where} nests {function.depth} deep, more than {NESTING_MAX}'


def check_functions(tree):
    long, n = [], 0
    for path, text in tree.under(SOURCES, ('.c', '.h')):
        for function in functions(text):
            n += 1
            if function.n_lines >= SHORT_LINES:
                long.append(f'{path}:{function.line}: {function.name}() {function.n_lines}')
            yield from check_function(path, function)
    if len(long) * SHORT_OF > n:
        yield f'{len(long)} of {n} functions have {SHORT_LINES} lines or more:\n  ' + '\n  '.join(long)


def check_python(tree):
    for path, text in tree.under([''], ('.py',)):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                n = node.end_lineno - node.lineno + 1
                if n > FUNCTION_LINES_MAX:
                    yield f'{path}:{node.lineno}: {node.name}() has {n} lines, more than {FUNCTION_LINES_MAX}'


def check_form(tree):
    for path, text in tree.under(['gatewayd/', 'plugins/', 'web/server/'], ('.c', '.h')):
        if re.search(r'\bgoto\b', strip(text)):
            yield f'{path}: goto'
        if path.endswith('.h') and '#pragma once' not in text and not re.search(r'^#ifndef \w+_H\n#define', text, re.M):
            yield f'{path}: no #pragma once'


def function(lines=3, parameters='void', body='  x();\n'):
    return f'int\nf({parameters})\n{{\n' + body * (lines - 2) + '}\n'


def c(text):
    return Tree({'gatewayd/base/a.c': text})


DEEP = '  if (a)\n    for (;;)\n      while (b)\n        %s\n'
FIVE = 'int a, int (*b)(int, int), int c, int d, int e'

RULES = [
    Rule('file-size', check_files, bad=[c('\n' * 601), Tree({'web/app/a.tsx': '\n' * 601})], good=[c('\n' * 600)]),
    Rule('function-size', check_functions, bad=[
        c(function(81)),
        c(function(40) + function(3)),
        c(function(parameters=FIVE + ', int f')),
        c(function(parameters='GError **error, ' + FIVE + ', int f, ...')),
        c(function(parameters=FIVE + ', gsize size')),
        c(function(body=DEEP % 'if (c) d();')),
        c(function(body=DEEP % 'do d(); while (e);')),
        c(function(body='  if (a) { if (b) { if (c) { list_foreach(d, e) { x(); } } } }\n')),
        c(function(body='  switch (a) {\n  case 1:\n    if (b) { if (c) if (d) e(); }\n  }\n')),
    ], good=[
        c(function(39) + function(39)),
        c(function(80) + function(3) * 9),
        c(function(parameters=FIVE + ', GError **error')),
        c(function(parameters='const void *data, gsize size, const int *fds, guint n_fds, int a, int b, int c')),
        c(function(parameters='GDBusMethodInvocation *i, ' + FIVE)),
        c(function(body=DEEP % 'd();')),
        c(function(body='  if (a) x(); else if (b) y(); else if (c) z(); else if (d) { w(); } else v();\n')),
        c(function(body='  T t = {{{{1}}}};\n  g(({ h(); }));\n  puts("{{{{");\n')),
        c(function(body='  switch (a) {\n  case 1: {\n    if (b) { if (c) d(); }\n    break;\n  }\n  default:;\n  }\n')),
    ]),
    Rule('python-size', check_python, bad=[Tree({'tests/a.py': 'def f():\n' + '    x()\n' * 80})],
         good=[Tree({'tests/a.py': 'def f():\n' + '    x()\n' * 79})]),
    Rule('form', check_form, bad=[
        c('int\nf(void)\n{\n  goto out;\nout:\n  return 0;\n}\n'),
        Tree({'gatewayd/base/a.h': 'int a(void);\n'}),
    ], good=[c('/* goto */\nchar *a = "goto";\n'), Tree({'gatewayd/base/a.h': '#pragma once\n'})]),
]

assert nesting('if (a) { for (;;) b(); }') == 2
