from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.agent.host import Host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Yield a host with a running agent and nothing installed; stop its service after the test."""
    made = Host(tmp_path / "home")
    made.start()
    yield made
    made.close()


@pytest.fixture
def still_host(tmp_path: Path) -> Iterator[Host]:
    """Yield a host without a running agent: the test makes each poll."""
    made = Host(tmp_path / "home")
    yield made
    made.close()
