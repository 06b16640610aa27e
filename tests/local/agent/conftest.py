from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.agent.host import Host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host with a running agent and nothing installed; its service ends with the test."""
    made = Host(tmp_path / "home")
    made.start()
    yield made
    made.close()


@pytest.fixture
def still_host(tmp_path: Path) -> Iterator[Host]:
    """The same without a running agent: each look is taken by the test."""
    made = Host(tmp_path / "home")
    yield made
    made.close()
