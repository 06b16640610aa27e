"""The end of a test bed: both hosts go home, or the new version's is taken out of rotation.

Called by functions/rollout/end_bake, and by convergence for a deployment that ends without its state machine. It may be
repeated at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT, Outcome
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.application.rollout.test_bed.task import BakeTask, baking_bed, owned_deployment
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.hosts import target_of
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed


def end_bake(context: Context, task: BakeTask, number: int, state: BedState, reason: str) -> Outcome:
    """Bring both hosts into the main target group again, then take them out of their own. Raises Unknown.

    Where the new version has failed, its host is taken out of rotation at once, and stays out. A host that does
    not come home stays where it serves, and is found there later (domain/rollout/next_step.py); one that serves nowhere leaves.
    """
    current = owned_deployment(context, task)
    if isinstance(current, Outcome):
        return current
    bed = next((each for each in context.deployments.beds(task.deployment) if each.number == number), None)
    if bed is None or bed.state is not BedState.BAKING:
        return Outcome("PASSED", "it has ended before")
    what = f"test bed {state.lower().replace('_', ' ')}"
    context.record(task.cluster, what, "lifecycle", reason, deployment=task.deployment, host=bed.host)
    hosts = _bed_hosts(context, current, bed)
    failed = [each for each in hosts if state is BedState.FAILED and each.group is Group.TEST_BED]
    if failed and (late := _leave_bed_groups(context, task, failed)):
        return late
    if late := _separate(context, task, current, bed, [each for each in hosts if each not in failed]):
        return late
    ended = replace(bed, state=state, reason=reason, ended_at=context.clock.now())
    context.deployments.put_bed(ended)
    return Outcome("PASSED", reason)


def end_baking(context: Context, task: BakeTask, reason: str) -> None:
    """Bring home whom a deployment left aside that ends without its state machine. Raises Unknown."""
    if bed := baking_bed(context, task):
        end_bake(context, task, bed.number, BedState.CANCELLED, reason)


def _separate(
    context: Context, task: BakeTask, current: Deployment, bed: TestBed, hosts: Sequence["_BedHost"]
) -> Outcome | None:
    """Who is fit goes home, then leaves its group; so does who serves nowhere; others serve where they are."""
    fit = [each for each in hosts if each.fit]
    if late := _rejoin(context, task, fit):
        return late
    home = _await_healthy(context, current, fit)
    if late := _leave_main_group(context, task, [each for each in fit if each not in home]):
        return late
    ill = {each.report.host for each in hosts if not each.serves}
    # Coming home takes a while: who is well again by now serves where it is, perhaps instead of the other.
    still = [each for each in _bed_hosts(context, current, bed) if not each.serves] if ill else []
    return _leave_bed_groups(context, task, [*home, *(each for each in still if each.report.host in ill)])


@dataclass(frozen=True, slots=True)
class _BedHost:
    """A host that is aside: `serves` in its group, and is `fit` to go home, as what runs there is what was tested."""

    report: HostReport
    group: Group
    serves: bool
    fit: bool


def _bed_hosts(context: Context, current: Deployment, bed: TestBed) -> list[_BedHost]:
    found = []
    for host, group in ((bed.host, Group.TEST_BED), (bed.control, Group.CONTROL)):
        report = context.fleet.report(current.cluster, host) if host else None
        if report is None:
            continue  # it left, and was deregistered when it was removed
        state = context.dispatcher.members(current.cluster, group).get(report.address, TargetState.ABSENT)
        serves = state is TargetState.HEALTHY
        place = TargetState.TEST_GROUP if serves else state
        fit = drift_reason(report, place, target_of(current, group), group) is None
        found.append(_BedHost(report, group, serves, fit))
    return found


def _rejoin(context: Context, task: BakeTask, hosts: Sequence[_BedHost]) -> Outcome | None:
    for each in hosts:
        _tell(context, task, "register", each, "home from the test bed")
        if late := _fenced(context, task):
            return late
        context.dispatcher.register(task.cluster, each.report.address, each.report.port, Group.MAIN)
    return None


def _await_healthy(context: Context, current: Deployment, hosts: Sequence[_BedHost]) -> list[_BedHost]:
    """Those that the load balancer finds healthy in the main group, in time."""
    limit = min(timedelta(seconds=current.policy.alive_seconds), LONGEST_WAIT)
    until = context.clock.now() + limit
    while True:
        states = context.dispatcher.members(current.cluster, Group.MAIN)
        home = [each for each in hosts if states.get(each.report.address) is TargetState.HEALTHY]
        if len(home) == len(hosts) or context.clock.now() >= until:
            return home
        context.clock.sleep(context.poll_seconds)


def _leave_main_group(context: Context, task: BakeTask, hosts: Sequence[_BedHost]) -> Outcome | None:
    """Those that did not come home serve where they are."""
    for each in hosts:
        _tell(
            context, task, "drain", each, "it is not healthy in the main target group, and stays in its own"
        )
        if late := _fenced(context, task):
            return late
        context.dispatcher.deregister(task.cluster, each.report.address, each.report.port, Group.MAIN)
    return None


def _leave_bed_groups(context: Context, task: BakeTask, hosts: Sequence[_BedHost]) -> Outcome | None:
    """First their share, then their place: no group may be left with a share and nobody to answer it."""
    if late := _fenced(context, task):
        return late
    traffic_weights.rebalance(context, task.cluster, {each.report.address for each in hosts})
    for each in hosts:
        _tell(context, task, "drain", each, f"out of the target group {each.group}")
        if late := _fenced(context, task):
            return late
        # Another host that was aside there may have left since the shares were weighed.
        traffic_weights.stop_traffic(context, task.cluster, each.report.address)
        context.dispatcher.deregister(task.cluster, each.report.address, each.report.port, each.group)
    return None


def _tell(context: Context, task: BakeTask, what: str, guest: _BedHost, why: str) -> None:
    context.record(task.cluster, what, "lifecycle", why, deployment=task.deployment, host=guest.report.host)


def _fenced(context: Context, task: BakeTask) -> Outcome | None:
    found = owned_deployment(context, task)
    return found if isinstance(found, Outcome) else None
