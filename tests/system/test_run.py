# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./run shows a newcomer, played to its end."""
import os
import subprocess
import sys

from gateway import SOURCE


def test_run_ends_in_updated_nodes(build):
    result = subprocess.run([sys.executable, SOURCE / "scripts/run.py", "--once"], capture_output=True, text=True,
                            timeout=180, env={**os.environ, "GATEWAYD_BUILD": str(build)})
    assert result.returncode == 0, result.stdout + result.stderr
    assert "succeeded (inferred): pic32-1, pic32-2, pic32-3" in result.stdout
    assert "VERSION:1" in result.stdout and "mote-1 logged in" in result.stdout
    assert "The cloud was asked once for the image" in result.stdout
    for heard in ("esp-http: de:ba:7a:82:66:01 was heard running 1.0.1", "openluat: 866888020000002 was heard running 1.0.1",
                  "quectel-at: quectel-mcu was heard running 2_0_0", "gizwits-mcu: gizwits-mcu was heard running 03030009",
                  "gizwits: gatewaynodes0gizwits04 was heard running 04020019",
                  "openluat-at: air720-at was heard running"):
        assert heard in result.stdout
    for transport in (SOURCE / "plugins/transport").iterdir():  # a node of every make
        assert transport.name in ("harmony", "waspmote") or f"   {transport.name}: " in result.stdout
    assert "A webhook was told of" in result.stdout and "update.succeeded: mote-1" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_run_knows_no_other_word(build):
    result = subprocess.run([sys.executable, SOURCE / "scripts/run.py", "--nonsense"], capture_output=True, text=True,
                            timeout=20, env={**os.environ, "GATEWAYD_BUILD": str(build)})
    assert result.returncode == 2 and "usage" in result.stderr
