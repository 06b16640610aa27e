"""The pending slot: decide on the pending deployment once the one before it has ended.

Used by `finish`, and by `converge` if a finish was lost. The slot holds one deployment. The newest one wins,
and the older one is SUPERSEDED (application/rollout/queue.py).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from lifecycle.domain.identity import DELIVERY, DELIVERY_WITHOUT_PUSH
from lifecycle.domain.rollout.deployment import (
    NOT_RESUMED,
    Deployment,
    DeploymentState,
    Kind,
    Request,
    Resumptions,
)


@dataclass(frozen=True, slots=True)
class PendingDeployment:
    """The deployment that waits for a cluster's lease, and when it began to wait.

    `tried` counts the executions that were to begin it, since it waits. `planned_by` is the execution that plans it
    again and again, where not the lease is in the way.
    """

    request: Request
    since: datetime
    tried: Resumptions = NOT_RESUMED
    planned_by: str = ""


@dataclass(frozen=True, slots=True)
class StartPending:
    """The start of the pending deployment."""

    waiting: PendingDeployment
    reason: str


@dataclass(frozen=True, slots=True)
class DropPending:
    """The end of the pending deployment: the situation has changed since its request."""

    waiting: PendingDeployment
    reason: str


# Executions that are to begin a pending deployment, before it is refused: something fails that none of them mends.
START_LIMIT = 3
# A start that is repeated within this time is the same try: the answer of the first may have been lost.
SAME_TRY = timedelta(minutes=10)

AfterEnd: TypeAlias = StartPending | DropPending


def after_end(ended: Deployment | None, waiting: PendingDeployment) -> AfterEnd:
    """Start the pending deployment if the one before it ended well, or if it or the environment is automatic.

    After a rollback, an abort or a rejection, a person's request was made for another situation and must be made
    again. Nobody could do so for delivery, and its plan asks for the head of the branch. A repair that failed at its
    host changes nothing: what waits may be the version that mends that host.
    """
    if ended is None:
        return StartPending(waiting, "the cluster is free")
    well = ended.state is DeploymentState.DONE and ended.request.kind is not Kind.ROLLBACK
    by_delivery = waiting.request.requested_by in (DELIVERY, DELIVERY_WITHOUT_PUSH)
    if well or by_delivery or ended.is_failed_repair or ended.policy.automatic:
        return StartPending(waiting, f"{ended.id} has ended: {ended.state}")
    outcome = "was rolled back" if ended.request.kind is Kind.ROLLBACK else f"ended {ended.state}"
    version = waiting.request.version
    reason = f"{ended.id} {outcome} while {version} waited for it: deploy it again if it is still wanted"
    return DropPending(waiting, reason)


def next_try(step: StartPending, now: datetime) -> StartPending | DropPending:
    """Return the start with its try counted, or the end of a deployment that none of its executions began."""
    tried = step.waiting.tried
    if tried.last is not None and now - tried.last < SAME_TRY:
        return step
    if tried.count >= START_LIMIT:
        name = step.waiting.request.deployment
        reason = f"{tried.count} executions of {name} ended before it began; see the error of the last one"
        return DropPending(step.waiting, reason)
    return replace(step, waiting=replace(step.waiting, tried=Resumptions(tried.count + 1, now)))
