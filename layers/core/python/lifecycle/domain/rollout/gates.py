"""Gates and pauses: the steps of a rollout that waits for a human although no host failed."""

from datetime import datetime

from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.identity import is_proven, same_person
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind, hosts_left_out
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.steps import AwaitApproval, AwaitResume, Facts, Finish, RollBack, Step
from lifecycle.domain.rollout.test_bed.hosts import wants_test_bed
from lifecycle.domain.service.policy import ApprovalGate, Policy


def aborted(facts: Facts) -> Step | None:
    """Return the end of a rollout that an operator aborted while it was paused."""
    for question in _pauses(facts):
        if question.answer and question.answer.choice is Choice.ABORT:
            why = f"aborted by {question.answer.by} while paused: {question.answer.why}"
            return Finish(DeploymentState.ABORTED, why, skipped_hosts(facts))
    return None


def paused(facts: Facts) -> Step | None:
    """Return the step that waits for an open pause to end."""
    open_ = next((q for q in _pauses(facts) if q.answer is None), None)
    return AwaitResume(open_, open_.reason) if open_ else None


def _pauses(facts: Facts) -> list[Question]:
    return [q for q in facts.questions if q.kind is QuestionKind.RESUME]


def first_host_decides(policy: Policy) -> bool:
    """Return whether the first host of a deployment decides on the others: by an approval, or in a test bed."""
    return ApprovalGate.AFTER_FIRST_HOST in policy.approval.places or wants_test_bed(policy)


def updates_one_first(facts: Facts) -> bool:
    """Return whether an approval after the first host is still to come, so that it is updated alone."""
    mine = facts.deployment
    wanted = ApprovalGate.AFTER_FIRST_HOST in mine.policy.approval.places and mine.request.kind is Kind.DEPLOY
    return wanted and not _updated(facts)


def _updated(facts: Facts) -> list[str]:
    return [a.host for a in facts.attempts if a.state is AttemptState.ALIVE and a.group is not Group.CONTROL]


def gate(facts: Facts, where: ApprovalGate, now: datetime) -> Step | None:
    """Return the step that the policy's approval gate requires here. Rollbacks and repairs pass."""
    if where not in facts.deployment.policy.approval.places or facts.deployment.request.kind is not Kind.DEPLOY:
        return None
    alive = _updated(facts)
    if where is ApprovalGate.AFTER_FIRST_HOST and not alive:
        return None
    asked = next((q for q in facts.questions if q.gate is where), None)
    if asked and asked.answer and asked.answer.choice is Choice.APPROVE:
        return None
    if asked and asked.answer:
        return rejected(facts, asked.answer.by, f"rejected by {asked.answer.by}: {asked.answer.why}")
    if asked and asked.expires_at and now >= asked.expires_at:
        return rejected(facts, "expired approval", f"nobody approved before {asked.expires_at:%Y-%m-%d %H:%M} UTC")
    done = f"after {alive[0]}" if alive else "before the first host"
    return AwaitApproval(where, f"{facts.deployment.whose('approval')} requires an approval {done}")


def approval_refusal(deployment: Deployment, by: str) -> str | None:
    """Return why this person may not approve the deployment; None if they may."""
    requester, whose = deployment.request.requested_by, deployment.whose("approval_by_another")
    if not deployment.policy.approval_by_another:
        return None
    requires = f"{whose} requires approval by another person"
    if not is_proven(by):
        how = f"lifecycle approve {deployment.id} --why '...'"
        return f"{requires}, and {by} is not known to be one: use a session that names you, and `{how}`"
    if not is_proven(requester):
        return f"{requires}, and nobody knows who {requester} is, who requested {deployment.id}: abort it, and deploy"
    if same_person(by, requester):
        return f"{requester} requested {deployment.id}, and {requires}"
    if any(same_person(by, each) for each in deployment.request.pushed_by):
        return f"{by} pushed what {deployment.id} deploys, and {requires}"
    return None


def requester_refusal(request: Request, policy: Policy, whose: str) -> str | None:
    """Return why nobody could approve a deployment that this requester begins; None if somebody could."""
    if request.kind is not Kind.DEPLOY or not policy.approval_by_another or is_proven(request.requested_by):
        return None
    how = f"lifecycle deploy {request.service} {request.version} --environment {request.environment}"
    who = f"{whose} requires approval by another person, and nobody knows who {request.requested_by} is"
    return f"{who}: deploy with `{how}`"


def rejected(facts: Facts, by: str, reason: str) -> Step:
    """Roll back what was rejected, or was not approved in time; stop if no host was touched."""
    if facts.attempts:
        return roll_back(facts, by, reason)
    return Finish(DeploymentState.REJECTED, reason)


def roll_back(facts: Facts, by: str, reason: str) -> Step:
    """Roll back, or stop if there is no rollback target."""
    if facts.deployment.previous is None or facts.deployment.request.kind is Kind.ROLLBACK:
        why = f"{reason}; there is no rollback target"
        return Finish(DeploymentState.ABORTED, why, skipped_hosts(facts))
    return RollBack(by, reason)


def skipped_hosts(facts: Facts) -> tuple[str, ...]:
    """Return the hosts that a human left out: of this deployment, or of the one that it repairs."""
    now = hosts_left_out(facts.attempts, facts.questions)
    return tuple(sorted(now | set(facts.deployment.skipped_hosts)))
