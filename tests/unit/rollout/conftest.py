"""A cluster of four hosts that serves 1.0.0."""

import pytest

from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.rollout import Machine


@pytest.fixture
def machine() -> Machine:
    """Four hosts that serve 1.0.0."""
    made = Machine()
    first = made.deploy("1.0.0")
    assert made.record(first).state is DeploymentState.DONE
    made.rotations.clear()
    return made
