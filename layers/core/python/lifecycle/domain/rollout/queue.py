"""The pending slot: decide on the pending deployment once the one before it has ended.

Used by `finish`, and by `converge` if a finish was lost. The slot holds one deployment. The newest one wins,
and the older one is SUPERSEDED (application/rollout/queue.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request


@dataclass(frozen=True, slots=True)
class PendingDeployment:
    """The deployment that waits for a cluster's lease, and when it began to wait."""

    request: Request
    since: datetime


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


AfterEnd: TypeAlias = StartPending | DropPending


def after_end(ended: Deployment | None, waiting: PendingDeployment) -> AfterEnd:
    """Start the pending deployment if the one before it ended well, or if the environment is automatic.

    After a rollback, an abort or a rejection, the request was made for another situation and must be made again.
    """
    if ended is None:
        return StartPending(waiting, "the cluster is free")
    well = ended.state is DeploymentState.DONE and ended.request.kind is not Kind.ROLLBACK
    if well or ended.policy.automatic:
        return StartPending(waiting, f"{ended.id} has ended: {ended.state}")
    outcome = "was rolled back" if ended.request.kind is Kind.ROLLBACK else f"ended {ended.state}"
    version = waiting.request.version
    reason = f"{ended.id} {outcome} while {version} waited for it: deploy it again if it is still wanted"
    return DropPending(waiting, reason)
