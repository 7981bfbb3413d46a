# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every Python test shares: where the built programs are. GATEWAYD_BUILD names the build folder."""
import os
import pathlib

import pytest

SOURCE = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def build():
    folder = pathlib.Path(os.environ.get("GATEWAYD_BUILD", SOURCE / "build"))
    if not (folder / "build.ninja").exists():
        pytest.fail(f"{folder} is no build folder: run ./check, or set GATEWAYD_BUILD", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def source():
    return SOURCE
