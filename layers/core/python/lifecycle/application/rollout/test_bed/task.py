"""What a call about a test bed is about, and whether it may still act.

Used by analyse.py and end_bake.py, one for each phase of a test bed; domain/rollout/test_bed/schedule.py decides when.
"""

from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed


@dataclass(frozen=True, slots=True)
class BakeTask:
    """A deployment that has a test bed, as the state machine names it."""

    cluster: Cluster
    deployment: str
    epoch: int


def owned_deployment(context: Context, task: BakeTask) -> Deployment | Outcome:
    """The deployment, if it is still this call's to act for."""
    current, lease = context.step_reads.of_deployment(task.cluster, task.deployment)
    if current is None:
        raise observe.unknown(task.cluster, task.deployment)
    if not lease.is_held_by(current.id, task.epoch):
        return Outcome("STALE", f"epoch {task.epoch} was overtaken")
    return Outcome("SKIPPED", f"it has ended: {current.state}") if current.state.final else current


def baking_bed(context: Context, task: BakeTask) -> TestBed | None:
    """The test bed that bakes, if one does."""
    beds = [each for each in context.deployments.beds(task.deployment) if each.state is BedState.BAKING]
    return beds[-1] if beds else None
