#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Proves that the fuzz driver can fail: it must find each fault planted in broken.c, keep the input, and report the
same fault again when given that input alone. Prints TAP."""
import os
import subprocess
import sys
import tempfile

CASES = {
    'out-of-bounds': (b'Xm', b'heap-buffer-overflow', ord('o')),
    'undefined': (b'Xw', b'signed integer overflow', ord('u')),
    'abort': (b'Xc', b'aborted', ord('a')),
}


def run(broken, folder, *arguments):
    return subprocess.run([broken, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120, check=False)


def find_fault(broken, name, folder):
    seed, words, kind = CASES[name]
    corpus = os.path.join(folder, 'corpus')
    os.mkdir(corpus)
    with open(os.path.join(corpus, 'seed'), 'wb') as file:
        file.write(seed)
    result = run(broken, folder, '-n', '200000', corpus)
    saved = [line.rsplit(b': ', 1)[1] for line in result.stdout.splitlines() if b'was saved: ' in line]
    if result.returncode == 0 or len(saved) != 1:
        return f'not found: {result.stdout[-300:]!r}'
    with open(os.path.join(folder, saved[0].decode()), 'rb') as file:
        if file.read(2)[1:] != bytes([kind]):
            return 'another fault was found first'
    again = run(broken, folder, saved[0].decode())
    if again.returncode == 0 or words not in again.stdout:
        return f'not found again: {again.stdout[-300:]!r}'
    return None


def find_leak(broken, folder):
    path = os.path.join(folder, 'leak')
    with open(path, 'wb') as file:
        file.write(b'Xl')
    result = run(broken, folder, path)
    return None if result.returncode != 0 and b'LeakSanitizer' in result.stdout else 'the leak was not seen'


def refuse_empty_corpus(broken, folder):
    return None if run(broken, folder, folder).returncode == 2 else 'an empty corpus was taken'


def main():
    broken = os.path.abspath(sys.argv[1])
    checks = [(name, lambda folder, name=name: find_fault(broken, name, folder)) for name in CASES]
    checks.append(('leak', lambda folder: find_leak(broken, folder)))
    checks.append(('empty-corpus', lambda folder: refuse_empty_corpus(broken, folder)))
    print(f'1..{len(checks)}')
    for number, (name, check) in enumerate(checks, 1):
        with tempfile.TemporaryDirectory() as folder:
            why = check(folder)
        print(f"{'not ok' if why else 'ok'} {number} - {name}{' # ' + why if why else ''}")


main()
