import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.agent.processes import environment
from tests.integration.agent.host import Host
from tests.integration.agent.release_runs import pids


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


@pytest.fixture
def ran(tmp_path: Path) -> Iterator[Path]:
    """Yield the file to which each run of a command adds its pid; end what still runs after the test."""
    file = tmp_path / "ran"
    file.touch()
    yield file
    for pid in pids(file):
        if f"RAN={file}".encode() in environment(pid):
            os.kill(pid, signal.SIGKILL)
