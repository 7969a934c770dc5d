"""A sample of the points of ``all_points.py``: the same ones in every run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import KINDS

PROGRAM = Path(__file__).with_name("all_points.py")


@pytest.mark.skipif(not hasattr(os, "fork") or not Path("/proc/self/fd").exists(), reason="needs fork and /proc")
def test_a_sample_of_interrupted_commands_loses_nothing():
    """In a process of its own, which has run no network: it forks for each try."""
    command = [sys.executable, str(PROGRAM), "--every", "29", "--verbose"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    rows = [line for line in done.stdout.splitlines() if " of " in line]
    assert len(rows) == 10, done.stdout
    tries = sum(int(cell.split(" of ")[1]) for row in rows for cell in row.strip("| ").split(" | ")[1:-1])
    assert tries >= 10 * len(KINDS), "at least one try of each kind"
