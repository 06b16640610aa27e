"""The in-memory fakes pass the contract of the agent's ports."""

import pytest

from apps.agent.fakes import MemoryReleases, MemoryReports, MemoryTurns
from lifecycle.domain.fleet.host_command import Turn
from tests.unit.agent.ports_contract import AgentPortsContract, Ports


class TestMemoryPorts(AgentPortsContract):
    @pytest.fixture
    def ports(self) -> Ports:
        turns, releases = MemoryTurns(), MemoryReleases()

        def give(turn: Turn) -> None:
            turns.turn = turn

        return Ports(turns, MemoryReports(), releases, give, releases.publish)
