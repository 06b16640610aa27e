"""Gates and pauses: where a rollout waits for a human, and what follows from each answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.rollout.pause import pause
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.gates import aborted, approval_refusal, gate, paused, rejected, roll_back
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.steps import AwaitApproval, AwaitResume, Facts, Finish, RollBack
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.target import Target
from tests.support.rollout import CLUSTER, Machine

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAME = "hello-production-20261123120000-ab12"
BEFORE, AFTER = ApprovalGate.BEFORE_FIRST_HOST, ApprovalGate.AFTER_FIRST_HOST
ALIVE = HostAttempt(NAME, "host-1", 1, 7, NAME, NOW, AttemptState.ALIVE)
DEPLOYMENT = Deployment(
    request=Request(NAME, CLUSTER.service, CLUSTER.environment, "1.0.1", "ada"),
    epoch=7,
    target=Target("1.0.1", "b" * 64),
    previous=Target("1.0.0", "a" * 64),
    hosts=("host-1", "host-2"),
    policy=Policy(approval=BEFORE),
    started_at=NOW,
    execution=NAME,
)


def facts(
    *attempts: HostAttempt,
    questions: tuple[Question, ...] = (),
    where: ApprovalGate = BEFORE,
    kind: Kind = Kind.DEPLOY,
) -> Facts:
    current = replace(
        DEPLOYMENT,
        policy=Policy(approval=where),
        request=replace(DEPLOYMENT.request, kind=kind),
        skipped_hosts=("h9",),
    )
    return Facts(current, Lease(), attempts, questions, {}, {}, NAME)


def approval(choice: Choice | None = None, where: ApprovalGate = BEFORE, minutes: int = 60) -> Question:
    """Return a question at a gate that expires after so many minutes, with its answer."""
    answer = Answer(choice, "grace", "as agreed", NOW) if choice else None
    return Question(
        *(NAME, f"approval-{where}", QuestionKind.APPROVAL, (Choice.APPROVE, Choice.REJECT), "policy", NOW),
        gate=where,
        expires_at=NOW + timedelta(minutes=minutes),
        answer=answer,
    )


def a_pause(choice: Choice | None = None, number: int = 0) -> Question:
    answer = Answer(choice, "grace", "as agreed", NOW) if choice else None
    offered = (Choice.RESUME, Choice.ABORT)
    return Question(NAME, f"pause-{number}", QuestionKind.RESUME, offered, f"pause {number}", NOW, answer=answer)


def test_gate_before_the_first_host_waits_at_once() -> None:
    step = gate(facts(), BEFORE, NOW)
    assert step == AwaitApproval(BEFORE, f"the policy of {CLUSTER} requires an approval before the first host")


def test_gate_after_the_first_host_waits_for_a_host_with_the_new_version() -> None:
    assert gate(facts(where=AFTER), AFTER, NOW) is None
    assert gate(facts(replace(ALIVE, state=AttemptState.DRAINED), where=AFTER), AFTER, NOW) is None
    assert gate(facts(replace(ALIVE, group=Group.CONTROL), where=AFTER), AFTER, NOW) is None
    step = gate(facts(ALIVE, where=AFTER), AFTER, NOW)
    assert step == AwaitApproval(AFTER, f"the policy of {CLUSTER} requires an approval after host-1")


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
def test_rollbacks_and_repairs_pass_the_gate(kind: Kind) -> None:
    assert gate(facts(kind=kind), BEFORE, NOW) is None


def test_another_gate_than_the_policys_is_passed() -> None:
    assert gate(facts(where=ApprovalGate.NONE), BEFORE, NOW) is None
    assert gate(facts(ALIVE, where=BEFORE), AFTER, NOW) is None


def test_approval_at_this_gate_opens_it_and_at_another_does_not() -> None:
    assert gate(facts(questions=(approval(Choice.APPROVE),)), BEFORE, NOW) is None
    elsewhere = approval(Choice.APPROVE, ApprovalGate.AFTER_TEST_BED)
    assert isinstance(gate(facts(questions=(elsewhere,)), BEFORE, NOW), AwaitApproval)


def test_rejection_stops_before_the_first_host_and_rolls_back_after_it() -> None:
    asked = (approval(Choice.REJECT),)
    reason = "rejected by grace: as agreed"
    assert gate(facts(questions=asked), BEFORE, NOW) == Finish(DeploymentState.REJECTED, reason)
    assert gate(facts(ALIVE, questions=asked), BEFORE, NOW) == RollBack("grace", reason)


def test_approval_that_is_not_given_in_time_counts_as_rejected() -> None:
    asked = (approval(minutes=1),)
    last = NOW + timedelta(minutes=1)
    assert isinstance(gate(facts(questions=asked), BEFORE, last - timedelta(seconds=1)), AwaitApproval)
    step = gate(facts(questions=asked), BEFORE, last)
    assert step == Finish(DeploymentState.REJECTED, "nobody approved before 2026-11-23 12:01 UTC")
    assert gate(facts(ALIVE, questions=asked), BEFORE, last) == RollBack(
        "expired approval", "nobody approved before 2026-11-23 12:01 UTC"
    )


def test_approval_without_an_expiry_is_waited_for() -> None:
    asked = (replace(approval(), expires_at=None),)
    assert isinstance(gate(facts(questions=asked), BEFORE, NOW + timedelta(days=365)), AwaitApproval)


def test_rejected_rollback_ends_and_never_rolls_back_again() -> None:
    step = rejected(facts(ALIVE, kind=Kind.ROLLBACK), "grace", "both versions are bad")
    why = "both versions are bad; there is no rollback target"
    assert step == Finish(DeploymentState.ABORTED, why, ("h9",))


def test_deployment_without_a_rollback_target_ends() -> None:
    first = replace(facts(ALIVE), deployment=replace(DEPLOYMENT, previous=None))
    step = roll_back(first, "grace", "it is bad")
    assert step == Finish(DeploymentState.ABORTED, "it is bad; there is no rollback target", ())


def test_pending_pause_holds_the_rollout_until_it_is_answered() -> None:
    assert paused(facts()) is None
    assert paused(facts(questions=(a_pause(Choice.RESUME),))) is None
    second = a_pause(number=1)
    assert paused(facts(questions=(a_pause(Choice.RESUME), second))) == AwaitResume(second, "pause 1")
    assert paused(facts(questions=(approval(),))) is None


def test_abort_of_a_pause_ends_the_rollout_with_the_hosts_left_out() -> None:
    assert aborted(facts(questions=(a_pause(Choice.RESUME), a_pause(number=1)))) is None
    step = aborted(facts(questions=(a_pause(Choice.RESUME), a_pause(Choice.ABORT, 1))))
    assert step == Finish(DeploymentState.ABORTED, "aborted by grace while paused: as agreed", ("h9",))


@pytest.mark.parametrize(
    ("by_another", "by", "refused"), [(True, "ada", True), (True, "grace", False), (False, "ada", False)]
)
def test_requester_may_not_approve_where_another_person_must(by_another: bool, by: str, refused: bool) -> None:  # noqa: FBT001
    deployment = replace(DEPLOYMENT, policy=Policy(approval_by_another=by_another))
    why = f"ada requested {NAME}, and the policy of {CLUSTER} requires approval by another person"
    assert approval_refusal(deployment, by) == (why if refused else None)


def test_deployment_that_ended_is_not_paused(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    answer = Answer(Choice.PAUSE, "grace", "lunch", machine.now)
    with pytest.raises(Refused, match=f"the pause of {name} is refused: it is DONE"):
        pause(machine.context, CLUSTER, name, answer)
    assert machine.memory.deployments.questions(name) == []
