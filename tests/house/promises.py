# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/promises.md names each promise once, with tests that exist or the word open; and no test lies idle."""
import re

from tree import Rule, Tree

LAST = {'U': 10, 'C': 7, 'L': 12, 'K': 9, 'E': 4, 'P': 3}
NUMBERS = [f'{letter}{n}' for letter, last in LAST.items() for n in range(1, last + 1)]
PAGE = 'docs/promises.md'
ROW = re.compile(r'^\| *([A-Z]\d+) *\| *(.*?) *\| *(.*?) *\|$', re.M)
TEST = re.compile(r'^`([^`:]+):([^`]+)`$')


def holds(name, number):
    return re.search(rf'(?<![A-Za-z0-9]){number}(?![0-9])', name)


def check_test(number, cell, tree):
    found = TEST.match(cell)
    if not found:
        return f'"{cell}" is neither `file:name` nor open'
    path, name = found.groups()
    if not path.startswith('tests/') or path not in tree:
        return f'{path} does not exist'
    if not holds(name, number):
        return f'the name {name} does not hold the number'
    if name not in tree[path]:
        return f'{path} has no test {name}'
    return None


def check_promises(tree):
    rows = ROW.findall(tree.get(PAGE, ''))
    numbers = [number for number, _, _ in rows]
    for number in NUMBERS:
        if numbers.count(number) != 1:
            yield f'{PAGE}: {number} stands there {numbers.count(number)} times'
    for number, sentence, tests in rows:
        if number not in NUMBERS:
            yield f'{PAGE}: there is no promise {number}'
        if len(sentence) < 20:
            yield f'{PAGE}: {number} promises nothing'
        for cell in tests.split(', ') if tests != 'open' else []:
            complaint = check_test(number, cell, tree)
            if complaint:
                yield f'{PAGE}: {number}: {complaint}'


def check_idle_tests(tree):
    for path, _ in tree.under(['tests/unit/', 'tests/plugin/'], ('.c',)):
        folder, file = path.rsplit('/', 1)
        found = re.match(r'test-(.+)\.c$', file)
        if found and not re.search(rf"'(?:test-)?{re.escape(found[1])}(?:\.c)?'", tree.get(folder + '/meson.build', '')):
            yield f'{path}: {folder}/meson.build does not run it'
    for path, _ in tree.under(['tests/fuzz/fuzz-'], ('.c',)):
        name = path[len('tests/fuzz/fuzz-'):-2]
        if f"['{name}'," not in tree.get('tests/fuzz/meson.build', ''):
            yield f'{path}: tests/fuzz/meson.build does not run it'
        if not any(p.startswith(f'tests/fuzz/corpus/{name}/') for p in tree):
            yield f'{path}: no seeds in tests/fuzz/corpus/{name}/'


def page(replaced='', by=''):
    rows = {n: f'| {n} | A promise of some length. | open |' for n in NUMBERS}
    if replaced:
        rows[replaced] = by
    return '\n'.join(rows.values()) + '\n'


def promises(replaced='', by=''):
    return Tree({PAGE: page(replaced, by), 'tests/unit/a/test-a.c': 'add("/promise/U1/wrong-key")'})


def claim(cell, number='U1'):
    return promises(number, f'| {number} | A promise of some length. | {cell} |')


RULES = [
    Rule('promises', check_promises, bad=[
        Tree({}),
        promises('U10'),
        promises('U1', '| U2 | A promise of some length. | open |'),
        promises('K9', '| K9 | A promise of some length. | open |\n| K10 | A promise of some length. | open |'),
        claim(''),
        claim('soon'),
        claim('`tests/unit/a/test-b.c:/promise/U1/wrong-key`'),
        claim('`tests/unit/a/test-a.c:/promise/U1/right-key`'),
        claim('`tests/unit/a/test-a.c:promise`'),
        claim('`tests/unit/a/test-a.c:/promise/U1/wrong-key`', 'U2'),
        claim('`tests/unit/a/test-a.c:/promise/U1/wrong-key`, open'),
        promises('P3', '| P3 | Short. | open |'),
    ], good=[promises(), claim('`tests/unit/a/test-a.c:/promise/U1/wrong-key`')]),
    Rule('idle-tests', check_idle_tests, bad=[
        Tree({'tests/unit/a/test-a.c': '', 'tests/unit/a/meson.build': "['b']"}),
        Tree({'tests/fuzz/fuzz-a.c': '', 'tests/fuzz/meson.build': "['a', [], []],"}),
        Tree({'tests/fuzz/fuzz-a.c': '', 'tests/fuzz/meson.build': '', 'tests/fuzz/corpus/a/b': ''}),
    ], good=[
        Tree({'tests/unit/a/test-a.c': '', 'tests/unit/a/meson.build': "['a']"}),
        Tree({'tests/unit/a/test-a.c': '', 'tests/unit/a/meson.build': "'test-a.c'"}),
        Tree({'tests/fuzz/fuzz-a.c': '', 'tests/fuzz/meson.build': "['a', [], []],", 'tests/fuzz/corpus/a/b': ''}),
    ]),
]
