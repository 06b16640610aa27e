"""A cluster that serves 1.0.0, and its console."""

import pytest

from tests.unit.console.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """Return four hosts that serve 1.0.0."""
    made = Desk.of()
    made.machine.deploy("1.0.0")
    return made
