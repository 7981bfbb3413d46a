# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up JUnit reports and prints the closing line: N passed, N failed. A skipped test counts as failed: here
tests that cannot run must say so loudly. Arguments: the runners' worst exit status, then the reports."""
import sys
import xml.etree.ElementTree as xml


def count(path):
    passed = failed = 0
    for case in xml.parse(path).getroot().iter("testcase"):
        if any(case.find(tag) is not None for tag in ("failure", "error", "skipped")):
            failed += 1
            print(f"not passed: {case.get('classname')} {case.get('name')}")
        else:
            passed += 1
    return passed, failed


def main():
    status = int(sys.argv[1])
    totals = [count(path) for path in sys.argv[2:]]
    passed, failed = sum(t[0] for t in totals), sum(t[1] for t in totals)
    if status and not failed:
        failed = 1  # a runner failed without naming a test
    if any(sum(t) == 0 for t in totals):
        print("a runner executed no test")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
