"""The ledger is restored at each call of a rollout, once or twice in a row: no end is unknown, and no host down.

The copies are of moments before and within the rollout. SSM, the hosts and the executions go on as they were.
"""

from typing import Any

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.simulation.losing import Losing
from tests.simulation.test_every_call_is_lost import HOSTS, HOURS, SCENARIOS, Scenario, calls_of, going_on
from tests.support.restored_ledger import LedgerCopy
from tests.support.rollout import CLUSTER

# Of the calls, so that the suite stays quick.
EVERY = 4
# Calls between two restores in a row.
LATER = 7


def _restored(scenario: Scenario, copied: int, *restored: int) -> Losing:
    """Run a scenario in which the ledger of one call is put back at later ones."""
    world = scenario.made()
    world.machine.rotations.clear()
    copies: list[LedgerCopy] = []

    def put_back() -> None:
        copies[0].put_back()

    at: dict[int, Any] = dict.fromkeys(restored, put_back)
    world.calls.at = {copied: lambda: copies.append(LedgerCopy(world.machine)), **at}
    world.deploy("1.0.1")
    world.run(HOURS)
    world.calls.at = {}
    world.run(HOURS)
    return world


def _check(world: Losing, what: str) -> None:
    assert not world.wrong, f"{what}: {world.wrong}"
    assert all(_served(each) >= HOSTS - 1 for each in world.machine.rotations), f"{what}: {world.machine.rotations}"
    for record in world.deployments():
        assert record.state.final or world.open(record), f"{what}: {record.id} is {record.state}, {record.reason}"
    found = converge_all(world.machine.context, "ffff", "a test", CLUSTER)[0]
    assert found.kind in ("CONVERGED", "HOLD"), f"{what}: {found}"
    assert found.reason, what
    world.human = going_on
    again = world.deploy("1.0.2")
    world.run(HOURS)
    record = world.machine.record(again)
    assert record.state is DeploymentState.DONE, f"{what}: {record.id} is {record.state}, {record.reason}"
    assert set(world.machine.serving().values()) == {"1.0.2"}, what
    assert len(world.machine.serving()) == HOSTS, what
    assert not world.wrong, f"{what}: {world.wrong}"
    assert converge_all(world.machine.context, "ffff", "a test", CLUSTER)[0].kind == "CONVERGED", what


def _served(states: dict[str, TargetState]) -> int:
    return sum(each.serves for each in states.values())


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("part", [0, 1, 2], ids=["before", "at a third", "at two thirds"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_restore_is_neither_silent_nor_wrong(scenario: Scenario, part: int, *, twice: bool) -> None:
    made = calls_of(scenario)
    copied = part * len(made) // 3
    for first in range(copied + 1, len(made), EVERY):
        restored = (first, first + LATER) if twice else (first,)
        what = f"copied at {copied}, {made[copied]}, put back at {first}, {made[first]}"
        _check(_restored(scenario, copied, *restored), what)
