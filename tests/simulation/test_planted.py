"""Every planted fault is caught: by the simulation within 2,000 seeds, or by its companion test.

Each is planted in a process of its own, which has not imported the product. They are forked from one process that has
imported the libraries, as that takes longer than most of the tests.
"""

import multiprocessing
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.simulation.planted import CATALOGUE
from tests.simulation.planting import catch_in_a_process

INVARIANTS = {*range(1, 29), 32, 33, 36, 37}
LIBRARIES = ("pytest", "hypothesis", "pydantic", "boto3", "botocore.session", "aws_lambda_powertools", "cattrs")
SECONDS = 300


@cache
def _processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*LIBRARIES])
    return context


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_planted_fault_is_caught(name: str, tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    printed.touch()
    process = _processes().Process(target=catch_in_a_process, args=(name, printed))
    process.start()
    process.join(SECONDS)
    process.kill()
    process.join()
    assert process.exitcode == 0, printed.read_text()[-6000:]


def test_every_invariant_has_a_planted_fault() -> None:
    planted = {number for fault in CATALOGUE.values() for number in fault.invariants}
    assert planted >= INVARIANTS
