"""A host whose clock is wrong is named as such, and is never called silent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from apps.agent.ledger_clock import LedgerClock
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.stages import install
from lifecycle.domain.fleet.liveness import Heard
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.rollout import CLUSTER, Machine

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
TIMEOUT = timedelta(seconds=30)


class Own:
    """A host's own clock, `ahead` of AWS's by so many seconds."""

    def __init__(self, ahead: float) -> None:
        self.true, self.ahead = AT, ahead

    def __call__(self) -> datetime:
        return self.true + timedelta(seconds=self.ahead)

    def steady(self) -> float:
        return (self.true - AT).total_seconds() + 77


def ask(clock: LedgerClock, own: Own, seconds: float = 0.1) -> None:
    """Send a request, and get its answer with the time of AWS, cut to whole seconds."""
    clock.sent()
    own.true += timedelta(seconds=seconds / 2)
    date = format_datetime(own.true.replace(microsecond=0), usegmt=True)
    own.true += timedelta(seconds=seconds / 2)
    clock.answered(date)


@pytest.mark.parametrize("ahead", [0.0, 1.0, -1.0, 4.0, -90.0, 90.0, -86_400.0])
@pytest.mark.parametrize("second", [0.0, 0.4, 0.9])
def test_clock_tells_the_time_of_aws(ahead: float, second: float) -> None:
    own = Own(ahead)
    own.true += timedelta(seconds=second)
    clock = LedgerClock(own, own.steady)
    ask(clock, own)
    assert abs(clock.now() - own.true) <= timedelta(seconds=1)
    assert abs(clock.seconds_ahead() - ahead) <= 1


def test_right_clock_is_not_changed_by_rounding() -> None:
    own = Own(0.0)
    clock = LedgerClock(own, own.steady)
    for _ in range(50):
        own.true += timedelta(seconds=0.37)
        ask(clock, own)
        assert clock.seconds_ahead() == 0.0


@pytest.mark.parametrize("before", [90.0, 0.0])
def test_clock_that_is_set_changes_nothing_but_the_difference(before: float) -> None:
    """Found by the simulation: a report between the change and the next answer looked 90 s old."""
    own = Own(before)
    clock = LedgerClock(own, own.steady)
    ask(clock, own)
    for ahead in (0.0, -40.0, 1000.0):
        own.ahead = ahead
        own.true += timedelta(seconds=0.7)
        assert abs(clock.now() - own.true) <= timedelta(seconds=1)
        assert abs(clock.seconds_ahead() - ahead) <= 1
        ask(clock, own)
        assert abs(clock.now() - own.true) <= timedelta(seconds=1)


def test_host_that_was_suspended_takes_the_time_of_the_next_answer() -> None:
    """The time that nobody can set may stand still while a hypervisor suspends the host."""
    own = Own(0.0)
    suspended = timedelta()
    clock = LedgerClock(own, lambda: own.steady() - suspended.total_seconds())
    ask(clock, own)
    suspended = timedelta(minutes=9)
    own.true += suspended
    assert own.true - clock.now() >= timedelta(minutes=8)
    ask(clock, own)
    assert abs(clock.now() - own.true) <= timedelta(seconds=1)


def test_answer_that_took_long_says_nothing() -> None:
    """A virtual machine may be suspended between a request and its answer."""
    own = Own(0.0)
    clock = LedgerClock(own, own.steady)
    clock.sent()
    date = format_datetime(own.true, usegmt=True)
    own.true += timedelta(seconds=60)
    clock.answered(date)
    clock.answered("no date")
    assert clock.seconds_ahead() == 0.0


@pytest.mark.parametrize(("skew", "words"), [(90.0, "its clock is 90 s ahead"), (-90.0, "its clock is 90 s behind")])
def test_skew_is_named(skew: float, words: str) -> None:
    machine = Machine()
    report = replace(machine.report("host-1"), skew=skew)
    machine.memory.fleet.write_report(CLUSTER, report)
    assert report.clock_problem(machine.now) == words
    assert f"host-1: {words}; set it" in preview(machine.context, machine.request("1.0.0")).warnings


@pytest.mark.parametrize("skew", [None, 0.0, 5.0, -5.0])
def test_small_skew_is_not_named(skew: float | None) -> None:
    machine = Machine()
    assert replace(machine.report("host-1"), skew=skew).clock_problem(machine.now) == ""


def test_report_of_an_older_agent_from_the_future_shows_its_clock() -> None:
    machine = Machine()
    report = replace(machine.report("host-1"), seen_at=machine.now + timedelta(seconds=90))
    assert report.clock_problem(machine.now) == "its clock is 90 s ahead"


def test_older_agent_whose_reports_change_is_alive() -> None:
    report = replace(Machine().report("host-1"), seen_at=AT - timedelta(seconds=90))
    heard = Heard()
    for seconds in range(0, 120, 3):
        now = AT + timedelta(seconds=seconds)
        assert heard.silent_since(replace(report, seen_at=now - timedelta(seconds=90)), now, TIMEOUT) is None
    last = replace(report, seen_at=now - timedelta(seconds=90))
    assert heard.silent_since(last, now + TIMEOUT, TIMEOUT) is None
    assert heard.silent_since(last, now + TIMEOUT + timedelta(seconds=1), TIMEOUT) == last.seen_at


def test_silent_newer_agent_is_unreachable_at_once() -> None:
    report = replace(Machine().report("host-1"), seen_at=AT - timedelta(seconds=90), skew=0.0)
    assert Heard().silent_since(report, AT, TIMEOUT) == report.seen_at


def test_rollout_updates_a_host_of_an_older_agent_with_a_skewed_clock() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    tick = machine.memory.clock.ticks

    def skewed() -> None:
        report = machine.report("host-2")
        machine.memory.fleet.write_report(CLUSTER, replace(report, seen_at=machine.now - timedelta(seconds=90)))

    tick.append(skewed)
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.installed()["host-2"] == "1.0.1"
    assert install is not None
    assert {a.state for a in machine.context.deployments.attempts(name)} == {AttemptState.ALIVE}
