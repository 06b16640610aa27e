"""The queue of one: what becomes of the deployment that waits, once the one before it has ended.

Used by `finish`, and by `converge` where a finish was lost. In the queue the newest wins; the older one is
SUPERSEDED (application/rollout/queue.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request


@dataclass(frozen=True, slots=True)
class PendingDeployment:
    """The deployment that waits for a cluster's lease, and since when."""

    request: Request
    since: datetime


@dataclass(frozen=True, slots=True)
class StartPending:
    """Begin the deployment that waits."""

    waiting: PendingDeployment
    reason: str


@dataclass(frozen=True, slots=True)
class DropPending:
    """Do not begin it by itself: what it was asked for under has changed."""

    waiting: PendingDeployment
    reason: str


AfterEnd: TypeAlias = StartPending | DropPending


def after_end(ended: Deployment | None, waiting: PendingDeployment) -> AfterEnd:
    """Begin what waits when the deployment before it ended well, or the environment deploys by itself.

    After a rollback, an abort or a rejection somebody has just taken the cluster back to what is known to be
    good; a deployment that was asked for before that must be asked for again.
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
