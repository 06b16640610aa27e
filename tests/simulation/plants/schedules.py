"""Faults planted in scheduled commands: who may run one, and how often."""

from tests.simulation.planted import Planted

_RUN = "lifecycle.domain.fleet.scheduled_run"
_AGENT = "apps.agent.schedules"
_WALK = "tests/simulation/test_schedules.py"

FAULTS = (
    Planted(
        "a-minute-is-run-again",
        (35,),
        _RUN,
        "    if last.decided >= new.minute:",
        "    if last.decided > new.minute:",
        _WALK,
    ),
    Planted(
        "a-run-that-goes-on-is-started-twice",
        (35,),
        _RUN,
        "    if last.state is RunState.RUNNING and not last.is_lost(new.started_at):",
        "    if False:",
        _WALK,
    ),
    Planted(
        "a-host-that-is-drained-runs-a-schedule",
        (35,),
        _RUN,
        "    if turn.order is not Order.IDLE and (turn.order is not Order.PREFETCH or turn.leaving):",
        "    if turn.order is not Order.IDLE and turn.order is not Order.PREFETCH:",
        _WALK,
    ),
    Planted(
        "a-schedule-is-run-by-a-turn-of-before",
        (35,),
        _AGENT,
        "        if self._reason_not_to(self._turns.current(), report) or self._runs.is_quarantined():",
        "        if self._runs.is_quarantined():",
        _WALK,
    ),
    Planted(
        "an-end-is-recorded-for-another-run",
        (35,),
        _RUN,
        "        mine = (self.minute, self.host, self.started_at)\n"
        "        return mine == (other.minute, other.host, other.started_at)",
        "        return (self.minute, self.host) == (other.minute, other.host)",
        _WALK,
    ),
    Planted(
        "a-claim-is-not-conditional",
        (35,),
        _AGENT,
        "        won = self._runs.replace(last, wanted)\n",
        "        won = self._runs.replace(self._runs.last(due.name), wanted)\n",
        _WALK,
    ),
)
