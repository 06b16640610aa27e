"""The removal of a terminated host.

Called by functions/fleet/remove_host. An audit entry precedes the effect.
"""

from collections.abc import Sequence
from functools import partial

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.polling import persistently
from lifecycle.application.rollout.task_tokens import resume_unanswered
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.identity import PROGRAMS
from lifecycle.domain.rollout.actions import Action, ActionFacts, permission


def remove_host(
    context: Context, cluster: Cluster, host: str, by: RequestedBy, *, terminated: bool = False
) -> CommandResult:
    """Remove a terminated host, so that no deployment waits for it; raises Unknown, and Refused for a live host.

    `terminated`: its machine is known to be terminated, whatever its agent and the load balancer reported
    last. Of an Auto Scaling group EC2 knows it, whatever the caller says; its event is believed for no other cluster.
    """
    if terminated:
        _check_terminated(context, cluster, host, by)
    report = context.fleet.report(cluster, host)
    if report is None:
        raise Unknown("host", host, f"See `lifecycle hosts {cluster.service}`.", of=str(cluster))
    if isinstance(report, UnreadableReport):
        return _remove_unreadable(context, cluster, report, by, terminated=terminated)
    reused = _has_another_host(context, cluster, report)
    state = TargetState.ABSENT if reused else _target(context, cluster, report.address)
    if not terminated and (reasons := _signs_of_life(context, cluster, state, report)):
        raise Refused(f"the removal of {host}", reasons)
    context.record(cluster, f"remove {host}", by.who, by.why, host=host)
    if not reused:
        _deregister(context, cluster, report.address)
    return _remove_records(context, cluster, host)


def _target(context: Context, cluster: Cluster, address: str) -> TargetState:
    """Return the state of an address; a throttled answer is not known yet."""
    read = partial(context.dispatcher.target, cluster, address)
    return persistently(context.clock, context.poll_seconds, f"remove {address}", read)


def _deregister(context: Context, cluster: Cluster, address: str) -> None:
    """Take an address out of the load balancer. Its machine is gone, so nothing settles."""

    def take_out() -> None:
        traffic_weights.stop_traffic(context, cluster, address)
        context.dispatcher.deregister(cluster, address)

    persistently(context.clock, context.poll_seconds, f"remove {address}", take_out)


def _check_terminated(context: Context, cluster: Cluster, host: str, by: RequestedBy) -> None:
    """Raise Refused if EC2 has the machine, or if a program says so of a cluster whose machines EC2 does not know."""
    machines = context.machines.addresses(cluster)
    if machines is None and by.who in PROGRAMS:
        why = f"{by.who} says that it was terminated, and {cluster} has no Auto Scaling group"
        raise Refused(f"the removal of {host}", [f"{why}: use `lifecycle remove-host {cluster.service} {host}`"])
    if machines is not None and host in machines:
        raise Refused(f"the removal of {host}", [f"its machine is not terminated: EC2 has it at {machines[host]}"])


def _has_another_host(context: Context, cluster: Cluster, report: HostReport) -> bool:
    """Return whether another host reports this address, as a new machine does that got it from a terminated one."""
    others = [each for each in context.fleet.reports(cluster).values() if each.host != report.host]
    contested = [each.contested for each in others if isinstance(each, UnreadableReport)]
    return report.address in (*contested, *(each.address for each in others))


def _remove_records(context: Context, cluster: Cluster, host: str) -> CommandResult:
    context.fleet.lift_quarantine(cluster, host)
    context.fleet.remove(cluster, host)
    if holder := context.leases.current(cluster).deployment:
        resume_unanswered(context, holder, host)  # no decision on it is needed any more
    return CommandResult(f"{host} is no longer a host of {cluster}", (str(cluster),))


def _remove_unreadable(
    context: Context, cluster: Cluster, report: UnreadableReport, by: RequestedBy, *, terminated: bool
) -> CommandResult:
    """Remove the records of a host whose report cannot be read or is not believed.

    Its bound address is deregistered, whatever it reports. A host that was never bound has no known address, so
    nothing is deregistered. A target of no known host may be this one, so none of those may serve.
    """
    if report.bound or context.fleet.bound(cluster).closed:
        return _remove_bound(context, cluster, report, by, terminated=terminated)
    others = [each for each in context.fleet.reports(cluster).values() if each.host != report.host]
    known = {each.contested if isinstance(each, UnreadableReport) else each.address for each in others}
    read = partial(context.dispatcher.targets, cluster)
    targets = persistently(context.clock, context.poll_seconds, f"remove {report.host}", read)
    serving = sorted(address for address, state in targets.items() if state.serves and address not in known)
    if serving and not terminated:
        why = f"{', '.join(serving)} in the load balancer is of no known host, and healthy: stop its service first"
        raise Refused(f"the removal of {report.host}", [report.why, why])
    context.record(cluster, f"remove {report.host}", by.who, f"{by.why}; {report.why}", host=report.host)
    return _remove_records(context, cluster, report.host)


def _remove_bound(
    context: Context, cluster: Cluster, report: UnreadableReport, by: RequestedBy, *, terminated: bool
) -> CommandResult:
    """Remove a host by its bound address. A report of no bound host has none, and nothing of it was registered."""
    others = [host for host, each in context.fleet.bound(cluster).places.items() if each == report.bound]
    own = report.bound if others == [report.host] else ""
    if own and not terminated and _target(context, cluster, own).serves:
        why = f"{own}, its bound address, is in rotation and healthy: stop its service first"
        raise Refused(f"the removal of {report.host}", [report.why, why])
    context.record(cluster, f"remove {report.host}", by.who, f"{by.why}; {report.why}", host=report.host)
    if own:
        _deregister(context, cluster, own)
    return _remove_records(context, cluster, report.host)


def _signs_of_life(context: Context, cluster: Cluster, state: TargetState, report: HostReport) -> Sequence[str]:
    now = context.clock.now()
    unreachable = report.unreachable_since(now, context.heartbeat_timeout) is not None
    facts = ActionFacts(now, cluster, subject=report.host, report=report, state=state, unreachable=unreachable)
    return permission(Action.REMOVE_HOST, facts).refusals
