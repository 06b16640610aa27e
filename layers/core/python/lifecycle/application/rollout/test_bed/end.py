"""The end of a test bed: return both hosts to the main target group, or drain the host of a failed version.

Called by functions/rollout/end_bake, and by convergence for a deployment that ends outside its state machine.
It may be repeated at any time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.application.polling import answered, pauses, poll_until
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT, Outcome
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.application.rollout.test_bed.task import BakeTask, baking_bed, owned_deployment
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.hosts import target_of
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed


@dataclass(frozen=True, slots=True)
class _BedHost:
    """A host in the test-bed or control group.

    `serves`: it is healthy in that group. `can_rejoin`: it runs exactly what passed its self-test there, so
    the main target group may have it.
    """

    report: HostReport
    group: Group
    serves: bool
    can_rejoin: bool


def end_bake(context: Context, task: BakeTask, number: int, state: BedState, reason: str) -> Outcome:
    """Return both hosts to the main target group, then take them out of their own groups. Raises Unknown.

    Where the new version has failed, its host is drained at once and stays out of rotation. A host that does
    not become healthy in the main group keeps serving in its own, and next_step finds it there later. A host
    that serves in no group just leaves its group.

    While AWS cannot answer, it begins again, for as long as a stage may wait.
    """
    deadline = context.clock.now() + LONGEST_WAIT
    between = pauses(context.poll_seconds, f"end bake {task.deployment}")
    return answered(context.clock, deadline, lambda: _end_bake(context, task, number, state, reason), between)


def _end_bake(context: Context, task: BakeTask, number: int, state: BedState, reason: str) -> Outcome:
    current = owned_deployment(context, task)
    if isinstance(current, Outcome):
        return current
    bed = next((each for each in context.deployments.beds(task.deployment) if each.number == number), None)
    if bed is None or bed.state is not BedState.BAKING:
        return Outcome("PASSED", "it has ended before")
    what = f"test bed {replace(bed, state=state).outcome.lower()}"
    context.record_action(task.cluster, task.deployment, what, reason, bed.host)
    hosts = _bed_hosts(context, current, bed)
    failed = [each for each in hosts if state is BedState.FAILED and each.group is Group.TEST_BED]
    if failed and (stopped := _leave_bed_groups(context, task, failed)):
        return stopped
    if stopped := _return_hosts(context, task, current, bed, [each for each in hosts if each not in failed]):
        return stopped
    ended = replace(bed, state=state, reason=reason, ended_at=context.clock.now())
    _ = context.deployments.put_bed(ended)  # refused: another call has ended it
    return Outcome("PASSED", reason)


def end_baking(context: Context, task: BakeTask, reason: str) -> None:
    """Return test-bed hosts to the main target group when a deployment ends outside its state machine.

    Raises Unknown.
    """
    if bed := baking_bed(context, task):
        # STALE: another deployment has the cluster, and the end of this one finds that too.
        _ = _end_bake(context, task, bed.number, BedState.CANCELLED, reason)


def _return_hosts(
    context: Context, task: BakeTask, current: Deployment, bed: TestBed, hosts: Sequence[_BedHost]
) -> Outcome | None:
    """Move healthy hosts back to the main target group, then out of their own.

    Hosts that serve nowhere just leave their group; the others go on serving where they are.
    """
    rejoining = [each for each in hosts if each.can_rejoin]
    if stopped := _rejoin(context, task, rejoining):
        return stopped
    healthy = _await_healthy(context, current, rejoining)
    if stopped := _leave_main_group(context, task, [each for each in rejoining if each not in healthy]):
        return stopped
    unhealthy = {each.report.host for each in hosts if not each.serves}
    # That took a while. A host that recovered meanwhile goes on serving where it is, perhaps the only one
    # there.
    still = [each for each in _bed_hosts(context, current, bed) if not each.serves] if unhealthy else []
    leaving = [*healthy, *(each for each in still if each.report.host in unhealthy)]
    return _leave_bed_groups(context, task, leaving)


def _bed_hosts(context: Context, current: Deployment, bed: TestBed) -> list[_BedHost]:
    found = []
    for host, group in ((bed.host, Group.TEST_BED), (bed.control, Group.CONTROL)):
        report = context.fleet.report(current.cluster, host) if host else None
        if report is None:
            continue  # it was removed, and deregistered with that
        if isinstance(report, UnreadableReport):
            raise StoreRefused(report.why)  # its address is not known, so it could not be taken out
        state = context.dispatcher.members(current.cluster, group).get(report.address, TargetState.ABSENT)
        serves = state is TargetState.HEALTHY
        seen_as = TargetState.TEST_GROUP if serves else state
        can_rejoin = drift_reason(report, seen_as, target_of(current, group), group) is None
        found.append(_BedHost(report, group, serves, can_rejoin))
    return found


def _rejoin(context: Context, task: BakeTask, hosts: Sequence[_BedHost]) -> Outcome | None:
    """Register the hosts in the main target group."""

    def register(each: _BedHost) -> None:
        context.dispatcher.register(task.cluster, each.report.address, each.report.port, Group.MAIN)

    return _for_each(context, task, hosts, register, lambda _: ("register", "back in the main target group"))


def _await_healthy(context: Context, current: Deployment, hosts: Sequence[_BedHost]) -> list[_BedHost]:
    """Wait until the hosts are healthy in the main group; returns those that are when the time is over."""
    limit = min(timedelta(seconds=current.policy.alive_seconds), LONGEST_WAIT)
    until = context.clock.now() + limit
    healthy: list[_BedHost] = []

    def poll() -> bool | None:
        nonlocal healthy
        states = context.dispatcher.members(current.cluster, Group.MAIN)
        healthy = [each for each in hosts if states.get(each.report.address) is TargetState.HEALTHY]
        return len(healthy) == len(hosts) or None

    _ = poll_until(context.clock, until, until, poll, pauses(context.poll_seconds, current.id))  # `healthy` has it
    return healthy


def _leave_main_group(context: Context, task: BakeTask, hosts: Sequence[_BedHost]) -> Outcome | None:
    """Deregister the hosts that did not become healthy there; they go on serving in their own group."""

    def deregister(each: _BedHost) -> None:
        context.dispatcher.deregister(task.cluster, each.report.address, None, Group.MAIN)

    why = "it is not healthy in the main target group, and stays in its own"
    return _for_each(context, task, hosts, deregister, lambda _: ("drain", why))


def _leave_bed_groups(context: Context, task: BakeTask, hosts: Sequence[_BedHost]) -> Outcome | None:
    """Take away the hosts' traffic, then deregister them: no group may have a weight and nothing to answer it."""
    if stopped := _fenced(context, task):
        return stopped
    traffic_weights.rebalance(context, task.cluster, {each.report.address for each in hosts})

    def deregister(each: _BedHost) -> None:
        # The group's other hosts may have left since the weights were set.
        traffic_weights.stop_traffic(context, task.cluster, each.report.address)
        context.dispatcher.deregister(task.cluster, each.report.address, None, each.group)

    return _for_each(
        context, task, hosts, deregister, lambda each: ("drain", f"out of the target group {each.group}")
    )


def _for_each(
    context: Context,
    task: BakeTask,
    hosts: Sequence[_BedHost],
    act: Callable[[_BedHost], None],
    entry: Callable[[_BedHost], tuple[str, str]],
) -> Outcome | None:
    """Do one thing to each host: write the audit entry (what, why), check the lease, then act."""
    for each in hosts:
        what, why = entry(each)
        context.record_action(task.cluster, task.deployment, what, why, each.report.host)
        if stopped := _fenced(context, task):
            return stopped
        act(each)
    return None


def _fenced(context: Context, task: BakeTask) -> Outcome | None:
    found = owned_deployment(context, task)
    return found if isinstance(found, Outcome) else None
