"""Many seeds without a violation; the same seed gives the same run."""

import os
import subprocess
import sys

import pytest

from tests.simulation.many import run_many
from tests.simulation.run import run

SEEDS = int(os.environ.get("SEEDS", "3000"))
# Each slice is a test of its own on one core, so that pytest-xdist runs slices beside the tests of the emulator.
# A test bed fails in about one of 300 seeds, so a slice this long has every end.
SLICE = 1500


@pytest.mark.parametrize("first", range(0, SEEDS, SLICE))
def test_no_seed_breaks_an_invariant(first: int) -> None:
    seeds = min(SLICE, SEEDS - first)
    summary = run_many(first, seeds, cores=1)
    assert not summary.violations, summary.table()
    # A run without effects and faults proves nothing.
    assert summary.steps > 200 * seeds
    assert min(summary.faults.values()) * 1000 > seeds
    assert {end.partition(" ")[2] for end in summary.ends} >= {
        "DONE",
        "ROLLED_BACK",
        "ABORTED",
        "REJECTED",
        "REFUSED",
    }
    assert {"test bed PASSED", "test bed FAILED", "test bed GIVEN_UP"} <= set(summary.ends)


def test_one_seed_is_one_run() -> None:
    first, second = run(4711, tracing=True), run(4711, tracing=True)
    assert len(first.timeline) > 100
    assert first.timeline == second.timeline


def test_a_run_does_not_depend_on_the_order_of_sets() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "12"]
    outputs = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False).stdout
        for seed in ("1", "2")
    ]
    assert len(outputs[0]) > 1000
    assert outputs[0] == outputs[1]
