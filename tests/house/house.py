#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""house.py SOURCE BUILD RULE: what must never be, checked on the sources. Each rule first proves that it can fail, on
small invented trees, and then reads the real one. Prints TAP. Without RULE: the names of all rules."""
import sys

sys.dont_write_bytecode = True

import binaries
import includes
import promises
import sizes
import words
from tree import read_tree

RULES = {rule.name: rule for module in (binaries, includes, promises, sizes, words) for rule in module.RULES}


def judge(rule, tree):
    return list(rule.check(tree() if callable(tree) else tree))


def results(rule, root, build):
    """(description, complaints)"""
    for index, tree in enumerate(rule.bad):
        yield f'complains about bad tree {index}', [] if judge(rule, tree) else ['it did not']
    for index, tree in enumerate(rule.good):
        yield f'is content with good tree {index}', judge(rule, tree)
    yield 'holds', judge(rule, read_tree(root, build))


def main():
    if len(sys.argv) < 4:
        print('\n'.join(RULES))
        return
    rule = RULES[sys.argv[3]]
    print(f'1..{len(rule.bad) + len(rule.good) + 1}')
    for number, (description, complaints) in enumerate(results(rule, sys.argv[1], sys.argv[2]), 1):
        print(f"{'not ok' if complaints else 'ok'} {number} - {rule.name} {description}")
        for complaint in complaints:
            print('# ' + complaint.replace('\n', '\n# '))


main()
