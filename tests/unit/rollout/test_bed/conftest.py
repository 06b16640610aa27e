"""A cluster of four hosts that serves 1.0.0; its policy has a test bed of twelve minutes."""

import pytest

from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import Machine

POLICY = Policy(bake_minutes=12)


def served(policy: Policy = POLICY, hosts: int = 4) -> Machine:
    """Return a cluster that serves 1.0.0."""
    made = Machine(hosts=hosts, policy=policy)
    first = made.deploy("1.0.0")
    assert made.record(first).state is DeploymentState.DONE
    assert made.memory.deployments.beds(first) == []  # nothing to compare the first version with
    made.rotations.clear()
    return made


@pytest.fixture
def machine() -> Machine:
    return served()
