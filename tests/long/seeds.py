# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pytest plugin for the long run: of all tests it keeps those that take a `seed`, and gives each LONG_SEEDS of them,
counted from LONG_FIRST_SEED."""
import os

import pytest

FIRST = int(os.environ["LONG_FIRST_SEED"])
SEEDS = range(FIRST, FIRST + int(os.environ["LONG_SEEDS"]))


def takes_seed(marker):
    return marker.name == "parametrize" and marker.args[0] == "seed"


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc):
    markers = metafunc.definition.own_markers
    markers[:] = [pytest.mark.parametrize("seed", SEEDS).mark if takes_seed(marker) else marker for marker in markers]


def pytest_collection_modifyitems(config, items):
    others = [item for item in items if not any(takes_seed(marker) for marker in item.iter_markers())]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
