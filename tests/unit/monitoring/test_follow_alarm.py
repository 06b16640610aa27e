"""The effects of an alarm, as a pure decision: whether it concerns the deployment, and what the policy says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.alarms import (
    LATE_ALARM,
    Alarm,
    Nothing,
    NotifyOperators,
    Pause,
    RequestRollback,
    ResumeAgain,
    RollbackBlocked,
    StartRollback,
    WatchFacts,
    cluster_of_alarm,
    follow,
    rollback_of,
    watched_until,
)
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import (
    CONSEQUENCES,
    ROLLBACK_REQUEST,
    Answer,
    Choice,
    Question,
    QuestionKind,
    pause_id,
)
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.policy import OnAlarm, Policy
from lifecycle.domain.service.target import Target

CLUSTER = Cluster("production", "hello")
BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=8)
MINUTE = timedelta(minutes=1)
HALT = Policy(watch_minutes=30)
BACK = replace(HALT, on_alarm=OnAlarm.ROLL_BACK)
NAME = "hello-production-20261123120000-ab12"


def alarm(since: datetime = BEGAN + 2 * MINUTE, *, ringing: bool = True) -> Alarm:
    return Alarm("lc-p-hello-errors", CLUSTER, ringing, since, "at most 2 %", "4.1 %")


def deployment(
    state: DeploymentState, policy: Policy = HALT, kind: Kind = Kind.DEPLOY, *, previous: bool = True
) -> Deployment:
    request = Request(NAME, "hello", "production", "1.0.1", "ada", kind=kind)
    return Deployment(
        request=request,
        epoch=7,
        target=Target("1.0.1", "b"),
        previous=Target("1.0.0", "a") if previous else None,
        hosts=("h1", "h2"),
        policy=policy,
        started_at=BEGAN,
        execution=NAME,
        state=state,
        finished_at=ENDED if state.final else None,
    )


def rollback(suffix: str, state: DeploymentState, epoch: int) -> Deployment:
    """Return a rollback of the deployment."""
    found = deployment(state, kind=Kind.ROLLBACK)
    request = replace(found.request, deployment=f"{NAME}{suffix}", rollback_of=NAME)
    return replace(found, request=request, epoch=epoch)


def attempt(at: datetime = BEGAN) -> HostAttempt:
    return HostAttempt(NAME, "h1", 1, 7, NAME, at)


def question(name: str, answer: Answer | None = None) -> Question:
    kind = QuestionKind.ROLLBACK if name == ROLLBACK_REQUEST else QuestionKind.RESUME
    return Question(NAME, name, kind, (Choice.RESUME, Choice.ABORT), "why", BEGAN, answer=answer)


def facts(current: Deployment, since: datetime = BEGAN + 2 * MINUTE, *asked: Question) -> WatchFacts:
    return WatchFacts(alarm(since), current, (attempt(),), asked)


RUNNING, DONE = DeploymentState.RUNNING, DeploymentState.DONE


def test_running_deployment_is_paused_or_rolled_back_by_policy() -> None:
    halted = follow(facts(deployment(RUNNING)), BEGAN + 3 * MINUTE)
    assert isinstance(halted, Pause)
    assert (
        halted.reason
        == "lc-p-hello-errors has been ringing since 2026-11-23 12:02:00 UTC (expected: at most 2 %; found: 4.1 %)"
    )
    assert isinstance(follow(facts(deployment(RUNNING, BACK)), BEGAN + 3 * MINUTE), RequestRollback)


def test_watched_done_deployment_is_notified_or_rolled_back_by_policy() -> None:
    since = ENDED + 29 * MINUTE
    assert isinstance(follow(facts(deployment(DONE), since), since), NotifyOperators)
    rolled = follow(facts(deployment(DONE, BACK), since), since)
    assert isinstance(rolled, StartRollback)
    assert rolled.to == Target("1.0.0", "a")


def test_alarm_after_the_watch_time_changes_nothing() -> None:
    late = ENDED + 31 * MINUTE
    assert isinstance(follow(facts(deployment(DONE, BACK), late), late), Nothing)


def test_alarm_that_began_in_time_is_followed_for_a_limited_time() -> None:
    since, until = ENDED + 29 * MINUTE, ENDED + 30 * MINUTE
    rings = facts(deployment(DONE, BACK), since)
    assert isinstance(follow(rings, until + LATE_ALARM), StartRollback)
    assert isinstance(follow(rings, until + LATE_ALARM + MINUTE), Nothing)


@pytest.mark.parametrize("policy", [HALT, BACK])
@pytest.mark.parametrize("state", [RUNNING, DONE])
def test_alarm_before_the_first_host_does_not_concern_the_deployment(state: DeploymentState, policy: Policy) -> None:
    current = deployment(state, policy)
    assert isinstance(follow(facts(current, BEGAN - MINUTE), ENDED), Nothing)
    assert isinstance(follow(WatchFacts(alarm(), current), ENDED), Nothing)


def test_alarm_time_may_be_in_whole_seconds() -> None:
    begun_late = attempt(BEGAN + timedelta(milliseconds=700))
    whole_seconds = WatchFacts(alarm(BEGAN), deployment(RUNNING), (begun_late,))
    assert isinstance(follow(whole_seconds, ENDED), Pause)


def test_policy_without_watch_minutes_follows_no_alarm() -> None:
    for state in (RUNNING, DONE):
        assert isinstance(follow(facts(deployment(state, Policy())), ENDED), Nothing)


def test_alarm_that_stopped_ringing_leads_to_nothing() -> None:
    silent = replace(facts(deployment(RUNNING, BACK)), alarm=alarm(ringing=False))
    assert isinstance(follow(silent, ENDED), Nothing)


def test_waiting_deployment_keeps_waiting_unless_it_rolls_back() -> None:
    for state in (DeploymentState.HALTED, DeploymentState.AWAITING_APPROVAL, DeploymentState.PAUSED):
        assert isinstance(follow(facts(deployment(state)), ENDED), Nothing)
        assert isinstance(follow(facts(deployment(state, BACK)), ENDED), RequestRollback)
    by_hand = facts(deployment(RUNNING), BEGAN + 2 * MINUTE, question(pause_id("0")))
    assert isinstance(follow(by_hand, ENDED), Nothing)


def test_resumed_deployment_is_not_paused_again_by_the_same_ringing() -> None:
    resumed = question(alarm().pause, Answer(Choice.RESUME, "ada", "known", ENDED))
    current = deployment(RUNNING)
    assert isinstance(follow(facts(current, BEGAN + 2 * MINUTE, resumed), ENDED), Nothing)
    assert isinstance(follow(facts(current, BEGAN + 4 * MINUTE, resumed), ENDED), Pause)


@pytest.mark.parametrize("policy", [HALT, BACK])
def test_requested_rollback_is_only_resumed_again(policy: Policy) -> None:
    asked = question(ROLLBACK_REQUEST, Answer(Choice.ROLL_BACK, "ada", "slow", ENDED))
    assert isinstance(follow(facts(deployment(RUNNING, policy), BEGAN + 2 * MINUTE, asked), ENDED), ResumeAgain)


def test_rollback_request_without_an_answer_is_repeated() -> None:
    asked = question(ROLLBACK_REQUEST)
    assert isinstance(follow(facts(deployment(RUNNING, BACK), BEGAN + 2 * MINUTE, asked), ENDED), RequestRollback)


def test_completed_effects_are_not_repeated() -> None:
    assert isinstance(follow(replace(facts(deployment(DONE)), notified=frozenset({NAME})), ENDED), Nothing)
    done = facts(deployment(DONE, BACK))
    earlier = deployment(DeploymentState.QUEUED, kind=Kind.ROLLBACK)
    again = follow(replace(done, rollback=earlier), ENDED)
    assert again == StartRollback(done.deployment or earlier, Target("1.0.0", "a"), earlier, alarm().sentence)
    for state in (RUNNING, DeploymentState.HALTED, DeploymentState.REFUSED, DeploymentState.STALE):
        assert isinstance(follow(replace(done, rollback=replace(earlier, state=state)), ENDED), Nothing)


def test_rollback_is_blocked_by_another_lease_holder() -> None:
    earlier = deployment(DeploymentState.QUEUED, kind=Kind.ROLLBACK)
    held = replace(facts(deployment(DONE, BACK)), lease=Lease(8, "other", ENDED, ENDED + MINUTE))
    found = follow(held, ENDED)
    assert isinstance(found, RollbackBlocked)
    assert found.holder == "other"
    assert isinstance(follow(replace(held, notified=frozenset({"other"})), ENDED), Nothing)
    assert isinstance(follow(replace(held, notified=frozenset({NAME})), ENDED), RollbackBlocked)
    assert isinstance(follow(held, ENDED + MINUTE), StartRollback)
    its = replace(held, rollback=earlier, lease=replace(held.lease, deployment=earlier.id))
    assert isinstance(follow(its, ENDED), StartRollback)


@pytest.mark.parametrize(
    ("state", "epoch", "counts"),
    [
        (DeploymentState.QUEUED, 0, True),
        (DeploymentState.RUNNING, 8, True),
        (DeploymentState.STALE, 8, True),
        (DeploymentState.ABORTED, 0, True),
        (DeploymentState.REFUSED, 0, False),
        (DeploymentState.SUPERSEDED, 0, False),
        (DeploymentState.STALE, 0, False),
    ],
)
def test_rollback_that_never_began_does_not_count(state: DeploymentState, epoch: int, *, counts: bool) -> None:
    earlier = rollback("1r", state, epoch)
    assert rollback_of(deployment(DONE), [earlier]) == (earlier if counts else None)


def test_begun_rollback_counts_before_a_pending_one() -> None:
    waits, runs = rollback("2r", DeploymentState.QUEUED, 0), rollback("1r", RUNNING, 8)
    assert rollback_of(deployment(DONE), [waits, runs]) == runs


def test_without_a_rollback_target_a_human_is_asked() -> None:
    first = deployment(RUNNING, BACK, previous=False)
    assert isinstance(follow(facts(first), ENDED), Pause)
    assert isinstance(follow(facts(deployment(DONE, BACK, previous=False)), ENDED), NotifyOperators)


@given(
    state=st.sampled_from(DeploymentState),
    on_alarm=st.sampled_from(OnAlarm),
    kind=st.sampled_from([Kind.ROLLBACK, Kind.CONVERGE]),
    after=st.integers(-20, 80),
    looked=st.integers(0, 80),
)
def test_rollbacks_and_final_deployments_are_left_alone(
    state: DeploymentState, on_alarm: OnAlarm, kind: Kind, after: int, looked: int
) -> None:
    current = deployment(state, replace(HALT, on_alarm=on_alarm), kind if kind is Kind.ROLLBACK else Kind.DEPLOY)
    since = BEGAN + after * MINUTE
    found = follow(facts(current, since), since + looked * MINUTE)
    if current.request.kind is Kind.ROLLBACK:
        assert isinstance(found, Nothing | NotifyOperators)
    if state.final and state is not DONE:
        assert isinstance(found, Nothing)
    if after < 0:
        assert isinstance(found, Nothing)


@pytest.mark.parametrize(
    ("name", "cluster"),
    [
        ("lc-p-hello-errors", Cluster("production", "hello")),
        ("lc-s-a-b-c-hosts", Cluster("staging", "a-b-c")),
        ("lc-p-hosts-errors-latency", Cluster("production", "hosts-errors")),
        ("lc-x-hello-errors", None),
        ("lc-p-hello-cost", None),
        ("lc-p-errors", None),
        ("billing", None),
        ("lc-p-Hello!-errors", None),
    ],
)
def test_cluster_is_read_from_an_alarm_name(name: str, cluster: Cluster | None) -> None:
    assert cluster_of_alarm(name) == cluster


def test_end_of_the_watch_is_known() -> None:
    assert watched_until(deployment(DONE), MINUTE) == ENDED + 30 * MINUTE
    assert watched_until(deployment(DONE), timedelta(seconds=1)) == ENDED + timedelta(seconds=30)
    for other in (deployment(RUNNING), deployment(DONE, Policy()), deployment(DONE, kind=Kind.CONVERGE)):
        assert watched_until(other, MINUTE) is None


def test_pause_and_resume_have_consequences() -> None:
    assert {Choice.RESUME, Choice.ABORT} <= set(CONSEQUENCES)
