"""Rollbacks: request one of a running deployment, hand the lease over to it, and find its target version.

Called by functions/rollout/decide (the request), functions/rollout/roll_back (the hand-over), `lifecycle
rollback` and the console.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lifecycle.application.context import Context
from lifecycle.application.rollout import epochs, observe
from lifecycle.application.rollout.answer import record_answer
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.application.rollout.host_commands import cancel_turns
from lifecycle.application.rollout.observe import recent_deployments
from lifecycle.application.rollout.requests import Payload, payload
from lifecycle.application.rollout.task_tokens import resume_unanswered
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.actions import Action, ActionFacts, no_rollback_target, permission
from lifecycle.domain.rollout.decision import ROLLBACK_REQUEST, Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.provenance import HandMade
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class RollbackTarget:
    """The deployment to undo, and what was verified before it."""

    bad: Deployment
    to: Target


def rollback_target(context: Context, cluster: Cluster) -> RollbackTarget:
    """Return the newest other target that was DONE and is not quarantined; raises Refused if there is none.

    Another revision of the configuration is another target, also with the same version.
    """
    recent = list(recent_deployments(context, cluster))
    bad = _desired_deployment(context, cluster, recent)
    if bad is None:
        raise Refused(f"the rollback of {cluster}", [f"{cluster} never had a deployment"])
    before = observe.verified_before(recent, bad.target)
    good = observe.newest_good(before, context.fleet.quarantined(cluster))
    if good is None:
        raise Refused(f"the rollback of {cluster}", [no_rollback_target(bad.target)])
    return RollbackTarget(bad, good)


def _desired_deployment(context: Context, cluster: Cluster, recent: Sequence[Deployment]) -> Deployment | None:
    """Return the deployment whose version is desired now, even an aborted one: it has to be undone.

    Where somebody changed the desired version by hand, that is the last deployment that wrote one.
    """
    found = read_desired(context, cluster, context.leases.current(cluster), recent)
    if found.nobodys and found.nobodys.last and found.nobodys.kind is not HandMade.UNRECORDED:
        return found.nobodys.last
    if found.nobodys:
        raise Refused(f"the rollback of {cluster}", ["it is not known which deployment to undo", found.nobodys.held])
    if found.unreadable:
        how = f"`lifecycle deploy {cluster.service} VERSION --environment {cluster.environment}`"
        why = f"it is not known which deployment to undo; deploy the version that you want: {how}"
        raise Refused(f"the rollback of {cluster}", [*map(str, found.unreadable), why])
    return found.named


@dataclass(frozen=True, slots=True)
class HandOver:
    """The input of the execution that rolls back."""

    input: Payload


def hand_over(context: Context, cluster: Cluster, name: str, reason: str) -> HandOver:
    """Hand the lease over to a rollback of this deployment, and close the deployment; safe to repeat.

    The rollback's name derives from the deployment's, so a repeat names the same rollback. Raises Unknown,
    and StaleEpoch if another deployment took the lease.
    """
    current = observe.deployment(context, cluster, name)
    if current.previous is None:
        message = f"{name} cannot be rolled back: it has no previous version"
        raise ValueError(message)
    by = _decided_by(context, name)
    rollback = current.rollback_request(current.previous, by, reason, current.started_at)
    now = context.clock.now()
    _record_rollback(context, current, rollback)
    # First: once the lease has passed on, a loss of this call would leave these commands to others.
    cancel_turns(context, current)
    newest = epochs.recorded(context, cluster).highest
    # Not used: the plan of the rollback reads the lease that it holds.
    _ = context.leases.hand_over(cluster, Lease(current.epoch, current.id), rollback.deployment, now, newest)
    closed = replace(current, state=DeploymentState.ROLLED_BACK, reason=reason, finished_at=now)
    _ = context.deployments.put(closed)  # refused: it has ended, and the rollback has its lease all the same
    return HandOver(payload(rollback))


def _record_rollback(context: Context, current: Deployment, rollback: Request) -> None:
    """Record the rollback before it gets the lease, so that convergence can start it if this call is lost."""
    if current.previous is None or context.deployments.get(rollback.cluster, rollback.deployment) is not None:
        return
    reason = f"takes over from {current.id}"
    recorded = Deployment.not_begun(rollback, current.previous, current.policy, context.clock.now(), reason)
    _ = context.deployments.put(recorded)  # refused: another call has recorded it, and it has ended since


def _decided_by(context: Context, name: str) -> str:
    """Return the name of the person who decided last to roll the deployment back, or to reject it."""
    decided = (Choice.ROLL_BACK, Choice.REJECT)
    answers = [q.answer for q in context.deployments.questions(name) if q.answer and q.answer.choice in decided]
    return max(answers, key=lambda a: a.at).by if answers else "lifecycle"


def request_rollback(context: Context, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Roll back a running, waiting or halted deployment before its next host; raises Unknown, Refused.

    Safe to repeat: a second request by the same person returns the first one, and resumes the execution
    again.
    """
    current = observe.deployment(context, cluster, name)
    if current.state.final:
        raise Refused(
            f"the rollback of {name}", [f"it has ended: {current.state}; use `lifecycle rollback {cluster.service}`"]
        )
    facts = ActionFacts(answer.at, cluster, deployment=current)
    if refusals := permission(Action.ROLL_BACK, facts).refusals:
        raise Refused(f"the rollback of {name}", refusals)
    asked = Question(
        deployment=name,
        id=ROLLBACK_REQUEST,
        kind=QuestionKind.ROLLBACK,
        choices=(Choice.ROLL_BACK,),
        reason="requested by an operator",
        asked_at=answer.at,
    )
    recorded = context.deployments.ask(asked)
    if recorded.answer:
        resume_unanswered(context, name)
        if recorded.answer.by == answer.by:
            return recorded
    question = record_answer(context, current, recorded, answer)
    resume_unanswered(context, name)
    return question
