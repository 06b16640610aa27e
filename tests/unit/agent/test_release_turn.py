"""The decision about a release command: it begins once, and may be ended early."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from apps.agent.decide import (
    AbandonRelease,
    Idle,
    Ignore,
    Install,
    Prefetched,
    RunRelease,
    State,
    decide,
    state_from_report,
    why_release_ends,
)
from apps.agent.journal import Journal
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order, Turn
from tests.fakes.agent import MemoryReports
from tests.unit.agent.ports_contract import AT, HOST, a_report, a_turn
from tests.unit.agent.test_decide import acted_on, what

RELEASE = a_turn(order=Order.RELEASE)
ENDED = (AgentStage.RELEASED, AgentStage.FAILED)


def test_release_follows_the_prefetch_and_comes_before_the_install() -> None:
    assert isinstance(what(RELEASE), RunRelease)
    assert isinstance(what(RELEASE, acted_on(a_turn(), AgentStage.READY)), RunRelease)
    assert isinstance(what(a_turn(order=Order.INSTALL), acted_on(RELEASE, AgentStage.RELEASED)), Install)
    assert isinstance(what(RELEASE, acted_on(a_turn(order=Order.INSTALL), AgentStage.DONE)), Ignore)
    assert isinstance(what(a_turn(), acted_on(RELEASE, AgentStage.RELEASED)), Ignore)


def test_fetch_of_a_release_is_repeated_after_a_crash() -> None:
    assert isinstance(what(RELEASE, acted_on(RELEASE, AgentStage.FETCHING, tries=9)), RunRelease)


@pytest.mark.parametrize("stage", ENDED)
@pytest.mark.parametrize("late", [False, True])
def test_ended_release_is_never_repeated(stage: AgentStage, *, late: bool) -> None:
    assert isinstance(what(RELEASE, acted_on(RELEASE, stage), late=late), Ignore | Prefetched)


def test_agent_expects_the_install_soon_after_a_release() -> None:
    found = what(RELEASE, acted_on(RELEASE, AgentStage.RELEASED))
    assert isinstance(found, Prefetched)
    assert found.soon
    assert isinstance(what(RELEASE, acted_on(RELEASE, AgentStage.RELEASED), late=True), Ignore)


def test_expired_release_does_not_begin() -> None:
    assert isinstance(what(RELEASE, late=True), Ignore)


@pytest.mark.parametrize(
    "turn",
    [
        None,
        RELEASE,
        replace(RELEASE, attempt=2),
        replace(RELEASE, epoch=1),
        replace(RELEASE, order=Order.IDLE),
        replace(RELEASE, order=Order.INSTALL),
        replace(RELEASE, host="web-2"),
    ],
)
def test_interrupted_release_is_abandoned_under_any_turn(turn: Turn | None) -> None:
    for late in (False, True):
        assert isinstance(what(turn, acted_on(RELEASE, AgentStage.RELEASING), late=late), AbandonRelease)


def test_agent_without_its_disk_abandons_the_release_of_its_report() -> None:
    report = a_report(epoch=7, attempt=1, order=Order.RELEASE, stage=AgentStage.RELEASING)
    assert isinstance(what(RELEASE, state_from_report(report)), AbandonRelease)


@pytest.mark.parametrize("stage", ENDED)
def test_agent_without_its_disk_repeats_no_ended_release(stage: AgentStage) -> None:
    report = a_report(epoch=7, attempt=1, order=Order.RELEASE, stage=stage)
    state = state_from_report(report)
    assert state.acted.order is Order.RELEASE
    assert isinstance(what(RELEASE, state), Ignore)
    assert isinstance(what(a_turn(order=Order.INSTALL), state), Install)


@pytest.mark.parametrize("reported", [AgentStage.RELEASING, *ENDED])
def test_older_disk_yields_to_a_report_of_the_begin(tmp_path: Path, reported: AgentStage) -> None:
    reports = MemoryReports()
    before = Journal(tmp_path / "state.json", reports, list)
    before.begin(RELEASE, AgentStage.FETCHING)
    reports.write(a_report(epoch=7, attempt=1, order=Order.RELEASE, stage=reported))
    assert Journal(tmp_path / "state.json", reports, list).state().acted.stage is reported


def test_begin_of_a_release_is_on_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state.json", MemoryReports(), list)
    journal.begin(RELEASE, AgentStage.FETCHING)
    journal.advance(AgentStage.RELEASING)
    again = Journal(tmp_path / "state.json", MemoryReports(), list).state()
    assert (again.acted.stage, again.acted.version) == (AgentStage.RELEASING, RELEASE.version)


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        (RELEASE, ""),
        (replace(RELEASE, expires_at=AT + timedelta(hours=1)), ""),
        (None, "the command was withdrawn"),
        (replace(RELEASE, order=Order.IDLE), "the command was withdrawn"),
        (replace(RELEASE, order=Order.IDLE, epoch=6), ""),
        (replace(RELEASE, order=Order.INSTALL, epoch=6), ""),
        (a_turn(), ""),
        (replace(RELEASE, host="web-2"), ""),
        (replace(RELEASE, expires_at=AT.replace(tzinfo=None)), ""),
        (replace(RELEASE, attempt=2), "command 7.2 to release replaced it"),
        (replace(RELEASE, order=Order.INSTALL), "command 7.1 to install replaced it"),
        (replace(RELEASE, expires_at=AT), f"the command expired at {AT:%H:%M:%S}"),
        (replace(RELEASE, config=4), "the command now names"),
    ],
)
def test_running_release_ends_when_its_turn_does(turn: Turn | None, why: str) -> None:
    found = why_release_ends(turn, RELEASE, HOST, AT)
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_running_release_ends_at_the_last_known_expiry() -> None:
    assert "expired" in why_release_ends(replace(RELEASE, host="web-2"), RELEASE, HOST, RELEASE.expires_at)


def test_report_tells_a_failed_release_from_one_that_is_not_known() -> None:
    facts = {"stage": AgentStage.FAILED, "failed_stage": AgentStage.RELEASING}
    assert a_report(**facts).release_not_known
    assert not a_report(**facts, release_ended=True).release_not_known
    assert not a_report(stage=AgentStage.RELEASED).release_not_known
    assert not a_report(stage=AgentStage.FAILED, failed_stage=AgentStage.FETCHING).release_not_known


def test_host_is_idle_after_a_release_without_a_turn() -> None:
    assert isinstance(decide(None, acted_on(RELEASE, AgentStage.RELEASED), HOST, AT), Idle)
    assert isinstance(decide(None, State(), HOST, AT), Idle)
