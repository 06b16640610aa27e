"""The agent's decision under its turn: fencing, resuming, and what it never does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.agent.decide import (
    MAXIMUM_TRIES,
    Abandon,
    Decision,
    Fetch,
    Idle,
    Ignore,
    Install,
    Prefetched,
    State,
    TurnRecord,
    decide,
    key,
    state_after,
    state_from_report,
)
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order, Turn
from tests.unit.agent.ports_contract import AT, HOST, a_report, a_turn

INSTALL = a_turn(order=Order.INSTALL)
LATE = INSTALL.expires_at


def acted_on(turn: Turn, stage: AgentStage, tries: int = 1) -> State:
    return State(
        TurnRecord(
            epoch=turn.epoch,
            attempt=turn.attempt,
            order=turn.order,
            version=turn.version,
            digest=turn.digest,
            tries=tries,
            stage=stage,
        )
    )


def what(turn: Turn | None, state: State | None = None, *, late: bool = False) -> Decision:
    return decide(turn, state or State(), HOST, LATE if late else AT)


def test_without_a_turn_the_agent_is_idle() -> None:
    assert isinstance(what(None), Idle)


def test_under_an_idle_turn_the_agent_is_idle() -> None:
    assert isinstance(what(a_turn(order=Order.IDLE)), Idle)


def test_a_prefetch_begins_with_a_fetch() -> None:
    assert isinstance(what(a_turn()), Fetch)


def test_a_prefetched_version_waits_for_the_install() -> None:
    assert isinstance(what(a_turn(), acted_on(a_turn(), AgentStage.READY)), Prefetched)


def test_a_prefetch_ends_when_its_turn_expires() -> None:
    assert isinstance(what(a_turn(), acted_on(a_turn(), AgentStage.READY), late=True), Ignore)


def test_a_failed_fetch_is_not_retried() -> None:
    assert isinstance(what(a_turn(), acted_on(a_turn(), AgentStage.FAILED)), Ignore)


def test_an_install_may_follow_a_prefetch_in_the_same_attempt() -> None:
    assert isinstance(what(INSTALL, acted_on(a_turn(), AgentStage.READY)), Install)


def test_an_install_needs_no_prefetch_before_it() -> None:
    assert isinstance(what(INSTALL), Install)


def test_a_prefetch_after_the_install_of_the_same_attempt_is_ignored() -> None:
    assert isinstance(what(a_turn(), acted_on(INSTALL, AgentStage.DONE)), Ignore)


@pytest.mark.parametrize("stage", [AgentStage.DONE, AgentStage.FAILED])
def test_an_install_that_ended_is_never_repeated(stage: AgentStage) -> None:
    assert isinstance(what(INSTALL, acted_on(INSTALL, stage)), Ignore)


@pytest.mark.parametrize(
    "stage", [AgentStage.FETCHING, AgentStage.INSTALLING, AgentStage.STARTING, AgentStage.SELF_TESTING]
)
def test_an_interrupted_install_starts_over(stage: AgentStage) -> None:
    assert isinstance(what(INSTALL, acted_on(INSTALL, stage)), Install)


def test_an_install_that_crashes_the_agent_each_time_is_abandoned() -> None:
    assert isinstance(what(INSTALL, acted_on(INSTALL, AgentStage.STARTING, MAXIMUM_TRIES)), Abandon)


def test_an_interrupted_install_is_abandoned_when_its_turn_expired() -> None:
    assert isinstance(what(INSTALL, acted_on(INSTALL, AgentStage.STARTING), late=True), Abandon)


@pytest.mark.parametrize("turn", [None, a_turn(order=Order.IDLE)])
def test_an_interrupted_install_is_abandoned_when_its_turn_was_withdrawn(turn: Turn | None) -> None:
    assert isinstance(what(turn, acted_on(INSTALL, AgentStage.INSTALLING)), Abandon)


def test_the_next_turn_replaces_an_interrupted_install() -> None:
    rollback = replace(INSTALL, epoch=8, version="1.4.1")

    assert what(rollback, acted_on(INSTALL, AgentStage.INSTALLING)) == Install(rollback, what(rollback).reason)


def test_a_turn_that_changed_its_version_after_it_began_is_abandoned() -> None:
    changed = replace(INSTALL, version="1.4.3")

    assert isinstance(what(changed, acted_on(INSTALL, AgentStage.INSTALLING)), Abandon)
    assert isinstance(what(changed, acted_on(INSTALL, AgentStage.DONE)), Ignore)


def test_an_older_epoch_is_ignored_even_with_a_newer_attempt() -> None:
    assert isinstance(what(replace(INSTALL, epoch=6, attempt=9), acted_on(INSTALL, AgentStage.DONE)), Ignore)


def test_an_older_attempt_is_ignored() -> None:
    assert isinstance(what(replace(INSTALL, attempt=0), acted_on(INSTALL, AgentStage.FAILED)), Ignore)


def test_a_newer_attempt_installs_again_after_a_failure() -> None:
    assert isinstance(what(replace(INSTALL, attempt=2), acted_on(INSTALL, AgentStage.FAILED)), Install)


def test_an_expired_turn_does_not_begin() -> None:
    assert isinstance(what(INSTALL, late=True), Ignore)


def test_a_turn_of_another_host_is_ignored() -> None:
    assert isinstance(what(replace(INSTALL, host="web-2")), Ignore)


def test_a_turn_with_times_without_a_zone_is_ignored() -> None:
    assert isinstance(what(replace(INSTALL, expires_at=LATE.replace(tzinfo=None))), Ignore)


_turns = st.builds(
    a_turn,
    host=st.sampled_from([HOST, HOST, "web-2"]),
    order=st.sampled_from(Order),
    epoch=st.integers(1, 3),
    attempt=st.integers(0, 2),
    version=st.sampled_from(["1.4.1", "1.4.2"]),
    expires_at=st.sampled_from([AT, AT + timedelta(seconds=1), AT + timedelta(minutes=5)]),
)
_states = st.one_of(
    st.just(State()),
    st.builds(
        acted_on, _turns, st.sampled_from([s for s in AgentStage if s is not AgentStage.IDLE]), st.integers(1, 4)
    ),
)


@given(st.none() | _turns, _states)
def test_every_decision_has_a_reason(turn: Turn | None, state: State) -> None:
    assert what(turn, state).reason


@given(_turns, _states)
def test_only_a_valid_turn_is_fetched_or_installed_in_any_state(turn: Turn, state: State) -> None:
    decision = what(turn, state)

    if isinstance(decision, Fetch | Install):
        assert decision.turn == turn
        assert turn.host == HOST
        assert turn.epoch >= state.acted.epoch
        assert key(turn) >= key(state.acted)
        assert turn.expires_at > AT
        assert not state.acted.is_for(turn) or state.acted.unfinished
        assert isinstance(decision, Install) == (turn.order in (Order.INSTALL, Order.RESTORE))


@given(_turns, _states)
def test_only_an_unfinished_turn_is_abandoned(turn: Turn, state: State) -> None:
    assert not isinstance(what(turn, state), Abandon) or state.acted.unfinished


@given(st.lists(st.tuples(_turns, st.sampled_from([AgentStage.DONE, AgentStage.FAILED, AgentStage.STARTING]))))
def test_in_any_history_the_fence_never_falls_and_no_finished_install_repeats(
    history: list[tuple[Turn, AgentStage]],
) -> None:
    state, ended = State(), set()
    for turn, outcome in history:
        decision = what(turn, state)
        if isinstance(decision, Install):
            assert key(turn) not in ended
            before, state = state, acted_on(turn, outcome)
            assert key(state.acted) >= key(before.acted)
            if outcome in (AgentStage.DONE, AgentStage.FAILED):
                ended.add(key(turn))
        elif isinstance(decision, Abandon):
            ended.add(key(state.acted))
            state = State(replace(state.acted, stage=AgentStage.FAILED))


def test_an_agent_that_lost_its_disk_still_fences_old_turns() -> None:
    state = state_from_report(a_report(epoch=7, attempt=1, stage=AgentStage.DONE))

    assert isinstance(what(INSTALL, state), Ignore)
    assert isinstance(what(replace(INSTALL, epoch=6), state), Ignore)
    assert isinstance(what(replace(INSTALL, attempt=2), state), Install)


def test_an_agent_that_lost_its_disk_after_a_prefetch_fetches_again() -> None:
    assert isinstance(what(a_turn(), state_from_report(a_report(epoch=7, attempt=1, stage=AgentStage.READY))), Fetch)


def test_an_agent_that_lost_its_disk_during_an_install_reports_it_as_failed() -> None:
    state = state_from_report(a_report(epoch=7, attempt=1, stage=AgentStage.STARTING))

    assert (state.acted.stage, state.acted.failed_stage) == (AgentStage.FAILED, AgentStage.STARTING)
    assert isinstance(what(INSTALL, state), Ignore)


def test_an_agent_without_a_report_has_an_empty_state() -> None:
    assert state_from_report(None) == state_from_report(a_report()) == State()


DIGEST = "cd" * 32
TESTED = SelfTest(True, DIGEST, "boot-2", "GET /self_test answered 200")
RESTORED = State(verified="1.4.1", previous="1.4.0")
ON_DISK = ("1.4.2", "1.4.1", "1.4.0")


def last_report(self_test: SelfTest | None) -> HostReport:
    """Return the last report of a host that serves 1.4.2, and whose agent's state was restored since."""
    return a_report(
        epoch=7,
        attempt=1,
        order=Order.INSTALL,
        stage=AgentStage.DONE,
        installed="1.4.2",
        digest=DIGEST,
        boot="boot-2",
        running=True,
        self_test=self_test,
    )


def test_version_that_passed_since_the_restored_state_is_the_verified_one() -> None:
    """Otherwise the next update forgets the version to roll back to, and keeps an older one that is gone."""
    state = state_after(last_report(TESTED), RESTORED, ON_DISK)

    assert (state.verified, state.previous, state.self_test) == ("1.4.2", "1.4.1", TESTED)


def test_version_that_was_lost_with_the_disk_is_not_verified() -> None:
    state = state_after(last_report(TESTED), RESTORED, ["1.4.1", "1.4.0"])

    assert (state.verified, state.previous) == ("1.4.1", "1.4.0")


@pytest.mark.parametrize(
    "self_test", [None, replace(TESTED, passed=False), replace(TESTED, digest="0"), replace(TESTED, boot="boot-1")]
)
def test_version_without_a_passed_test_of_this_start_is_not_verified(self_test: SelfTest | None) -> None:
    state = state_after(last_report(self_test), RESTORED, ON_DISK)

    assert (state.verified, state.previous, state.self_test) == ("1.4.1", "1.4.0", self_test)


def test_verified_version_is_not_its_own_previous_one() -> None:
    restored = State(verified="1.4.2", previous="1.4.1")

    assert state_after(last_report(TESTED), restored, ON_DISK).previous == "1.4.1"


@pytest.mark.parametrize("reported", [None, replace(TESTED, passed=False), replace(TESTED, boot="another")])
def test_stored_self_test_of_this_start_is_not_lost_to_a_report(reported: SelfTest | None) -> None:
    """Otherwise a host that serves the version counts as untested, and is drained and updated once more."""
    restored = replace(RESTORED, self_test=TESTED)

    assert state_after(last_report(reported), restored, ON_DISK).self_test == TESTED


def test_stored_self_test_of_an_earlier_start_is_replaced() -> None:
    restored = replace(RESTORED, self_test=replace(TESTED, boot="boot-1"))

    assert state_after(last_report(TESTED), restored, ON_DISK).self_test == TESTED
    assert state_after(last_report(None), restored, ON_DISK).self_test is None


def test_orders_are_shown_by_their_names_of_today() -> None:
    assert {order.in_words for order in Order} == {"idle", "prefetch", "release", "install", "restore"}
