"""Automatic staging follows the branch, whatever happens to its pushes (invariant 36)."""

import os

import pytest

from lifecycle.domain.rollout.deployment import DeploymentState
from tests.simulation.pushes import STAGING, run

SEEDS = int(os.environ.get("PUSH_SEEDS", "200"))
SLICE = 100


@pytest.mark.parametrize("first", range(0, SEEDS, SLICE))
def test_staging_serves_the_snapshot_of_the_head_or_something_says_why_not(first: int) -> None:
    for seed in range(first, min(first + SLICE, SEEDS)):
        world = run(seed)
        assert not (found := world.check()), f"seed {seed}: {found[0]}"


def test_seeds_meet_what_they_are_about() -> None:
    """A run without such ends proves nothing."""
    ended, states = set[str](), set[DeploymentState]()
    for seed in range(60):
        world = run(seed)
        ended |= {each.at for each in world.by_name.values()}
        states |= {each.state for each in world.memory.deployments.recent(STAGING, 50)}
    assert {"Delivered", "NothingToBuild", "BuildFailed", "Done", "Refused", "AwaitHuman"} <= ended
    assert states >= {
        DeploymentState.DONE,
        DeploymentState.ABORTED,
        DeploymentState.HALTED,
        DeploymentState.SUPERSEDED,
    }
