"""The task of a test bed's phases: the deployment that a call acts for, and the check that it still may.

Used by analyse.py and end.py in this folder. domain/rollout/test_bed/schedule.py decides when each is called.
"""

from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.stage_guard import Outcome, renew_for_a_call, stale
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed


@dataclass(frozen=True, slots=True)
class BakeTask:
    """A deployment with a test bed, as the state machine names it."""

    cluster: Cluster
    deployment: str
    epoch: int


def owned_deployment(context: Context, task: BakeTask) -> Deployment | Outcome:
    """Return the deployment while it holds the lease and has not ended, else the outcome of this call.

    Raises Unknown.
    """
    current, lease = context.step_reads.of_deployment(task.cluster, task.deployment)
    if current is None:
        raise observe.unknown(task.cluster, task.deployment)
    if not lease.is_held_by(current.id, task.epoch):
        return stale(task.epoch, lease)
    if current.state.final:
        return Outcome("SKIPPED", f"it has ended: {current.state}")
    return renew_for_a_call(context, task.cluster, lease) or current


def baking_bed(context: Context, task: BakeTask) -> TestBed | None:
    """Return the test bed that is baking, if there is one."""
    beds = [each for each in context.deployments.beds(task.deployment) if each.state is BedState.BAKING]
    return beds[-1] if beds else None
