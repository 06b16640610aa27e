"""A cluster of four hosts that serves 1.0.0."""

import pytest

from tests.support.rollout import Machine


@pytest.fixture
def machine() -> Machine:
    """Four hosts that serve 1.0.0."""
    made = Machine()
    made.deploy("1.0.0")
    return made
