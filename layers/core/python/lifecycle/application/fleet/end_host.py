"""The drain of a host whose instance Auto Scaling is about to end.

Called by functions/fleet/host_terminating, by the event of the group's hook. Auto Scaling waits until this has let it
go on, or until the hook times out. It ends the instance in any case, so nothing here may refuse for ever. All is read
again at each call: a repeated, late or foreign event changes nothing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult
from lifecycle.application.polling import longest_pause, pauses, poll_until
from lifecycle.application.ports.clock import Clock
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.domain.errors import CallFailed, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import unreachable_among
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.capacity import Floor, refuse_drain, without_dead
from lifecycle.domain.rollout.decision import hosts_left_out, latest_attempts
from lifecycle.domain.service.policy import Policy

WHO = "auto-scaling"
ENDS = "Auto Scaling ends its instance"
"""The reason of the quarantine, which keeps every deployment from the host until its records are removed."""

# A rollout has so long to bring its host back before this one is drained, too.
CAPACITY_WAIT = timedelta(minutes=5)
# A function runs for 15 minutes at most. Then the hook's own timeout lets the instance end.
LONGEST_WAIT = timedelta(minutes=14)


def end_host(context: Context, cluster: Cluster, host: str) -> CommandResult:
    """Drain the host and let its instance end; does nothing for a host that Auto Scaling does not end."""
    if not context.machines.is_ending(cluster, host):
        return CommandResult(f"Auto Scaling does not end {host} of {cluster}: nothing to do", (str(cluster),))
    _leave_deployments(context, cluster, host)
    began = context.clock.now()
    # Auto Scaling may end many at once, and each has a call of its own.
    ending = sum(why == ENDS for why in context.fleet.quarantined_hosts(cluster).values())
    longest = longest_pause(context.poll_seconds, ending)
    _await(context.clock, longest, host, began + CAPACITY_WAIT, lambda: not _blocker(context, cluster, host))
    if not _await(context.clock, longest, host, began + LONGEST_WAIT, lambda: _has_left(context, cluster, host)):
        return CommandResult(f"{host} of {cluster} still drains; the hook's timeout lets it end", (str(cluster),))
    _settle(context, cluster, host)
    context.machines.let_end(cluster, host)
    return CommandResult(f"{host} of {cluster} is drained, and its instance ends", (str(cluster),))


def _await(clock: Clock, longest: float, host: str, until: datetime, reached: Callable[[], bool]) -> bool:
    """Poll until it is reached; returns False where it is not in time, or where AWS cannot answer until then."""
    try:
        return bool(poll_until(clock, until, until, lambda: reached() or None, pauses(longest, f"end {host}")))
    except CallFailed as error:
        if not error.temporary:
            raise
        return False


def _settle(context: Context, cluster: Cluster, host: str) -> None:
    """Let a running service serve on for a while: an ALB may send requests to a host that it lists no more."""
    report = context.fleet.report(cluster, host)
    if context.settles and report and report.running:
        context.clock.sleep(Policy().settle_seconds)


def _leave_deployments(context: Context, cluster: Cluster, host: str) -> None:
    """Exclude the host from every deployment: what would be installed there, or registered, ends with it."""
    if context.fleet.report(cluster, host) is None or host in context.fleet.quarantined_hosts(cluster):
        return
    context.record(cluster, f"quarantine {host}", WHO, ENDS, host=host)
    context.fleet.quarantine_host(cluster, host, ENDS)


def _is_updated(context: Context, cluster: Cluster, host: str) -> bool:
    """Return whether a deployment works on the host: it would register the host again after its drain."""
    holder = context.leases.current(cluster).deployment
    attempts = context.deployments.attempts(holder) if holder else ()
    latest = latest_attempts(attempts).get(host)
    return latest is not None and not latest.state.ended


def _blocker(context: Context, cluster: Cluster, host: str) -> str | None:
    """Return why the drain should wait for a deployment that has other hosts out, or that updates this one."""
    name = context.leases.current(cluster).deployment
    holder = context.deployments.get(cluster, name) if name else None
    if holder is None or holder.state.final:
        return None
    attempts, questions = context.deployments.attempts_and_questions(holder.id)
    under_way = {each for each, attempt in latest_attempts(attempts).items() if not attempt.state.ended}
    if host in under_way:
        return f"{host} is being updated by {holder.id}"
    reports = context.fleet.reports(cluster)
    if host not in reports:
        return None
    rotation = observe.rotation(context, cluster, reports)
    unreachable = unreachable_among(reports, context.clock.now(), context.heartbeat_timeout)
    answering = without_dead(rotation, reports, unreachable)
    serving = {each: TargetState.DRAINING if each in under_way else state for each, state in answering.items()}
    # The host itself still counts: it serves, and its replacement does not yet.
    members = (frozenset(reports) - set(context.fleet.quarantined_hosts(cluster))) | {host}
    left_out = hosts_left_out(attempts, questions) | set(holder.skipped_hosts)
    return refuse_drain(host, serving, Floor.of(holder.policy, members, left_out))


def _has_left(context: Context, cluster: Cluster, host: str) -> bool:
    """Take the host out of rotation wherever it still is; return whether its requests have ended."""
    addresses = _addresses(context, cluster, host)
    if not addresses:  # its records were removed, perhaps a moment ago: its requests may still be in flight
        return not _target_of_nobody_drains(context, cluster)
    states = {each: context.dispatcher.target(cluster, each) for each in addresses}
    for address, state in states.items():
        if state.in_rotation:
            context.record(cluster, "drain", WHO, ENDS, host=host)
            traffic_weights.stop_traffic(context, cluster, address)
            context.dispatcher.deregister(cluster, address)
    gone = all(state in (TargetState.ABSENT, TargetState.UNUSED) for state in states.values())
    return gone and not _is_updated(context, cluster, host)


def _target_of_nobody_drains(context: Context, cluster: Cluster) -> bool:
    """Return whether a target drains that no report names; a cluster without a stack has none."""
    known = {report.place for report in context.fleet.reports(cluster).values()}
    try:
        targets = context.dispatcher.targets(cluster)
    except Unknown:
        return False
    return any(state is TargetState.DRAINING and address not in known for address, state in targets.items())


def _addresses(context: Context, cluster: Cluster, host: str) -> set[str]:
    """Return where the host may have a target: as EC2 says, and as it is bound, but no address of another host."""
    machines = context.machines.addresses(cluster) or {}
    report = context.fleet.report(cluster, host)
    others = {address for other, address in machines.items() if other != host}
    return {each for each in (machines.get(host, ""), report.place if report else "") if each and each not in others}
