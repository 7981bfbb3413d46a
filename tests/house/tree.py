# SPDX-License-Identifier: LGPL-2.1-or-later
"""The source tree as the rules see it: path -> text. A rule gets the real one, or a small invented one that it must
complain about."""
import os
from dataclasses import dataclass, field
from typing import Callable

SKIPPED_FOLDERS = {'.git', '.cache', '__pycache__', 'node_modules', 'dist', 'run-state', '.pytest_cache'}
BINARY_ENDINGS = ('.bin', '.hex', '.png', '.ico', '.woff2', '.gz', '.xz', '.zip', '.pyc')


class Tree(dict):
    """Files by path from the root of the sources; BUILD is the build folder, where there is one."""

    def __init__(self, files=(), build=None):
        super().__init__(files)
        self.build = build

    def under(self, folders, endings=('',)):
        for path in sorted(self):
            if path.startswith(tuple(folders)) and path.endswith(tuple(endings)):
                yield path, self[path]


@dataclass
class Rule:
    """check(tree) yields complaints. Each tree of `bad` must get at least one and each of `good` none."""
    name: str
    check: Callable
    bad: list = field(default_factory=list)
    good: list = field(default_factory=list)


def read_tree(root, build):
    tree = Tree(build=build)
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not f.startswith('build')
                            and not os.path.exists(os.path.join(folder, f, 'build.ninja')))
        for name in names:
            path = os.path.join(folder, name)
            if name == '.git' or name.endswith(BINARY_ENDINGS) or not os.path.isfile(path):
                continue
            with open(path, 'rb') as file:
                tree[os.path.relpath(path, root)] = file.read().decode('utf-8', 'replace')
    return tree
