"""The start of an agent is dated by AWS's clock, as all of its report: its host's own may be wrong."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from apps.agent.agent import Agent
from apps.agent.ledger_clock import LedgerClock
from apps.agent.settings import Settings
from tests.fakes.agent import MemoryReports, MemoryTurns
from tests.support.rollout import CLUSTER

TRUE = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("hours", [-1, 1])
def test_start_of_an_agent_is_dated_by_the_time_of_aws(tmp_path: Path, hours: int) -> None:
    clock = LedgerClock(own=lambda: TRUE + timedelta(hours=hours), steady=lambda: 100.0)
    settings, unused = Settings("host-1", CLUSTER, "127.0.0.9", 9090, tmp_path, "a"), Any
    agent = Agent(settings, MemoryTurns(), MemoryReports(), unused, clock.now, clock.seconds_ahead)  # type: ignore[arg-type]
    clock.sent()
    clock.answered(format_datetime(TRUE, usegmt=True))
    agent.step()
    assert abs(agent._report().agent_started_at - TRUE) < timedelta(seconds=2)
