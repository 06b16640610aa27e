"""The in-memory fakes pass the contract of the agent's ports."""

import pytest

from lifecycle.domain.fleet.host_command import Turn
from tests.fakes.agent import MemoryReleases, MemoryReports, MemoryTurns
from tests.unit.agent.ports_contract import AgentPortsContract, Ports


class TestMemoryPorts(AgentPortsContract):
    @pytest.fixture
    def ports(self) -> Ports:
        turns, releases = MemoryTurns(), MemoryReleases()

        def give(turn: Turn) -> None:
            turns.turn = turn

        return Ports(turns, MemoryReports(), releases, give, releases.publish)
