# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the system tests: a gateway in a folder of its own, stopped and its logs shown when a test fails."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from gateway import Gateway  # noqa: E402
from network import Lan  # noqa: E402
from site_of_pic32 import Site  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


@pytest.fixture
def gateway(build, tmp_path, request):
    """gateway(config) makes one; start() it yourself."""
    made = []

    def make(config="", **options):
        made.append(Gateway(build, tmp_path / f"gw{len(made)}", config, **options))
        return made[-1]

    yield make
    for one in made:
        if getattr(request.node, "report_call", None) is not None and request.node.report_call.failed:
            print(one.logs()[-20000:])
        one.stop()


@pytest.fixture
def site(build, tmp_path, request):
    """site(...) makes a Site of PIC32 nodes; start() it yourself."""
    made = []

    def make(**options):
        made.append(Site(build, tmp_path / f"site{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        if getattr(request.node, "report_call", None) is not None and request.node.report_call.failed:
            print(one.gateway.logs()[-20000:])
            for name, node in one.nodes.items():
                print(f"--- {name}\n{node.text()[-2000:]}")
        one.stop()


@pytest.fixture
def lan():
    made = Lan(f"gwt{os.getpid()}")
    yield made
    made.close()
