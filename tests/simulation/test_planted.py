"""Every planted fault is caught: by the simulation within 1,000 seeds, or by its companion test."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.planted import CATALOGUE, SIMULATION, Planted

HERE = Path(__file__).resolve().parents[2]
INVARIANTS = {*range(1, 29), 32, 33, 36}


def _run(fault: Planted) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(HERE), str(HERE / "layers" / "core" / "python")))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "tests.simulation.planting", fault.name]
    if fault.caught_by != SIMULATION:
        environment["PLANTED"] = fault.name
        options = [
            "-p",
            "tests.simulation.planting",
            "-p",
            "no:cacheprovider",
            "-x",
            "-q",
            "-m",
            "not emulator",
        ]
        command = [sys.executable, "-m", "pytest", *options, fault.caught_by]
    return subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_planted_fault_is_caught(name: str) -> None:
    fault = CATALOGUE[name]
    found = _run(fault)
    output = f"{found.stdout[-3000:]}{found.stderr[-3000:]}"
    if fault.caught_by == SIMULATION:
        assert found.returncode == 0, output
        assert re.match(rf"{name}: seed \d+: ", found.stdout), output
    else:
        # 1: a test failed. Other codes: no test was found, or the fault could not be planted.
        assert found.returncode == 1, output
        assert re.search(r"\d+ failed", found.stdout), output


def test_every_invariant_has_a_planted_fault() -> None:
    planted = {number for fault in CATALOGUE.values() for number in fault.invariants}
    assert planted >= INVARIANTS
