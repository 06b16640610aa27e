"""The rollout's loop: read the facts, decide, and record the pause or the loss that the decision found.

Called by functions/next_step between the hosts of statemachines/rollout.asl.json.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from lifecycle.application import observe
from lifecycle.application.turns import stand_by
from lifecycle.application.world import World
from lifecycle.domain.convergence import next_execution
from lifecycle.domain.deployment import (
    AttemptState,
    Choice,
    Deployment,
    DeploymentState,
    HostAttempt,
    Question,
    TrailEntry,
)
from lifecycle.domain.fleet import Cluster
from lifecycle.domain.rollout import (
    AwaitApproval,
    AwaitDecision,
    ContinueLater,
    Facts,
    Finish,
    RollBack,
    Step,
    UpdateHosts,
    next_step,
)


@dataclass(frozen=True, slots=True)
class Decided:
    """The step as the state machine sees it: a `kind` to branch on, ids, and the reason."""

    kind: str
    reason: str
    hosts: tuple[dict[str, str | int], ...] = ()
    question: str = ""
    outcome: str = ""
    execution: str = ""


def decide_next(world: World, cluster: Cluster, name: str, execution: str) -> Decided:
    """Choose the next step of a deployment, and record what an operator must know of it; raises Unknown."""
    current, lease = world.standings.of_deployment(cluster, name)
    if current is None:
        raise observe.unknown(cluster, name)
    facts = observe.facts(world, current, lease, execution)
    step = next_step(facts, world.clock.now())
    return _record(world, facts, step)


def _record(world: World, facts: Facts, step: Step) -> Decided:
    current = facts.deployment
    match step:
        case UpdateHosts(hosts, following, reason):
            near = [stand_by(current, host, number, world.clock.now()) for host, number in hosts + following]
            world.fleet.give_turns(current.cluster, near)
            _set_state(world, current, DeploymentState.RUNNING, reason)
            given: tuple[dict[str, str | int], ...] = tuple(
                {"host": host, "attempt": attempt} for host, attempt in hosts
            )
            return Decided("UPDATE_HOSTS", reason, hosts=given)
        case AwaitDecision():
            return _await(world, current, _decision(world, facts, step), DeploymentState.HALTED)
        case AwaitApproval():
            return _await(world, current, _approval(world, current, step), DeploymentState.AWAITING_APPROVAL)
        case RollBack(by, reason):
            _tell(world, current, "roll back", by, reason)
            return Decided("ROLL_BACK", reason)
        case ContinueLater(reason):
            return Decided("CONTINUE", reason, execution=next_execution(facts.execution))
        case Finish(outcome, reason, _):
            return Decided("FINISH", reason, outcome=outcome)
        case _:
            assert_never(step)


def _decision(world: World, facts: Facts, step: AwaitDecision) -> Question:
    """The question about a failed host, with the host's own words; a lost attempt is closed as failed."""
    attempt = next(a for a in facts.attempts if (a.host, a.number) == (step.host, step.attempt))
    if not attempt.state.ended:
        _close_lost(world, attempt, step.reason)
    report = facts.reports.get(step.host)
    return Question(
        deployment=facts.deployment.id,
        id=f"decision-{step.host}-{step.attempt}-{step.again}",
        choices=step.choices,
        reason=step.reason,
        asked_at=world.clock.now(),
        host=step.host,
        attempt=step.attempt,
        evidence=attempt.evidence or (report.log_tail if report else ""),
    )


def _close_lost(world: World, attempt: HostAttempt, reason: str) -> None:
    world.deployments.put_attempt(
        replace(
            attempt,
            state=AttemptState.FAILED,
            reached=attempt.state,
            reason=reason,
            finished_at=world.clock.now(),
        )
    )


def _approval(world: World, current: Deployment, step: AwaitApproval) -> Question:
    now = world.clock.now()
    return Question(
        deployment=current.id,
        id=f"approval-{step.gate}",
        choices=(Choice.APPROVE, Choice.REJECT),
        reason=step.reason,
        asked_at=now,
        gate=step.gate,
        expires_at=now + timedelta(seconds=current.policy.approval_expires_seconds),
    )


def _await(world: World, current: Deployment, question: Question, state: DeploymentState) -> Decided:
    standing = world.deployments.ask(question)
    if standing == question:
        what = f"halted at {question.host}" if question.host else "waits for an approval"
        _tell(world, current, what, "lifecycle", question.reason, question.host)
    _set_state(world, current, state, question.reason)
    return Decided("AWAIT_HUMAN", question.reason, question=standing.id)


def _set_state(world: World, current: Deployment, state: DeploymentState, reason: str) -> None:
    if (current.state, current.reason) != (state, reason):
        world.deployments.put(replace(current, state=state, reason=reason))


def _tell(world: World, current: Deployment, what: str, who: str, why: str, host: str = "") -> None:
    world.trail.append(TrailEntry(world.clock.now(), str(current.cluster), what, who, why, current.id, host))
