"""A cluster that serves 1.0.0, and the console that looks at it."""

import pytest

from tests.unit.console.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """Four hosts that serve 1.0.0."""
    made = Desk.of()
    made.machine.deploy("1.0.0")
    return made
