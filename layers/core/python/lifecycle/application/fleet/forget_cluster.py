"""The removal of all hosts of a cluster that is gone, so that no plan waits for them after it is made again.

Called by functions/fleet/forget_cluster for a person, and by functions/fleet/cluster_deleted when CloudFormation has
deleted the cluster's stack. An audit entry precedes the effect. Deployments, epochs and the audit log stay.
"""

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.ports.fleet import Fleet
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.bound_hosts import UnreadableBoundHosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import UnreadableReport
from lifecycle.domain.listing import counted, listed
from lifecycle.domain.rollout.lease import UnreadableLease

DELETED = RequestedBy("cloudformation", "the stack of the cluster was deleted")


def hosts_on_record(fleet: Fleet, cluster: Cluster) -> set[str]:
    """Return the hosts of the cluster that any record names, those of reports that do not count included."""
    bound = fleet.bound(cluster)
    found = {*fleet.reports(cluster), *bound.places, *fleet.quarantined_hosts(cluster)}
    while more := set(fleet.unbound(cluster, bound)) - found:  # the first of them at a time
        found |= more
    return found


def forget_cluster(context: Context, cluster: Cluster, by: RequestedBy) -> CommandResult:
    """Remove the cluster's hosts and its desired version; raises Refused with every sign of life, and Unknown."""
    hosts = hosts_on_record(context.fleet, cluster)
    if not hosts and context.registry.desired(cluster) is None:
        raise Unknown("cluster", str(cluster), "See `lifecycle status`.")
    if reasons := _signs_of_life(context, cluster):
        raise Refused(f"the removal of {cluster}", reasons)
    _forget_hosts(context, cluster, hosts, by)
    context.registry.forget_desired(cluster)
    return CommandResult(
        f"{cluster} is forgotten: {counted(len(hosts), 'host')} and its desired version", (str(cluster),)
    )


def forget_hosts_of_deleted(context: Context, cluster: Cluster) -> CommandResult:
    """Remove the hosts of a cluster whose stack was deleted, once they are unreachable; raises Refused.

    Its desired version stays: if the stack is made again, convergence brings its hosts back to it.
    """
    if _has_stack(context, cluster):
        return CommandResult(f"{cluster} has a stack again: nothing to do", (str(cluster),))
    until = context.clock.now() + 2 * context.heartbeat_timeout
    while (reasons := _signs_of_life(context, cluster)) and context.clock.now() < until:
        context.clock.sleep(context.poll_seconds)
    if reasons:
        raise Refused(f"the removal of the hosts of {cluster}, whose stack was deleted", reasons)
    hosts = hosts_on_record(context.fleet, cluster)
    _forget_hosts(context, cluster, hosts, DELETED)
    return CommandResult(
        f"{counted(len(hosts), 'host')} of {cluster} {'is' if len(hosts) == 1 else 'are'} forgotten", (str(cluster),)
    )


def _forget_hosts(context: Context, cluster: Cluster, hosts: set[str], by: RequestedBy) -> None:
    context.record(cluster, f"forget {counted(len(hosts), 'host')}", by.who, by.why)
    for host in sorted(hosts):
        context.fleet.lift_quarantine(cluster, host)
        context.fleet.remove(cluster, host)


def _has_stack(context: Context, cluster: Cluster) -> bool:
    try:
        _ = context.dispatcher.targets(cluster)  # only whether there is a load balancer
    except Unknown:
        return False
    return True


def _signs_of_life(context: Context, cluster: Cluster) -> list[str]:
    """Return why the cluster is not gone: its instances, its agents, its targets, or a deployment of it."""
    reasons = []
    if machines := context.machines.addresses(cluster):
        reasons.append(f"its Auto Scaling group has {listed(sorted(machines))}: delete its stack first")
    now = context.clock.now()
    hosts = sorted(hosts_on_record(context.fleet, cluster))
    reports = {host: found for host in hosts if (found := context.fleet.report(cluster, host)) is not None}
    reasons += [each.why for each in reports.values() if isinstance(each, UnreadableReport)]
    alive = [
        host
        for host, report in reports.items()
        if not isinstance(report, UnreadableReport) and not report.unreachable_since(now, context.heartbeat_timeout)
    ]
    if alive:
        does = "reports: stop its agent" if len(alive) == 1 else "report: stop their agents"
        reasons.append(f"{listed(alive)} still {does} first")
    try:
        targets = context.dispatcher.targets(cluster)
    except Unknown:
        targets = {}
    if serving := sorted(address for address, state in targets.items() if state.in_rotation):
        does = (
            "is in rotation: stop it, and remove it" if len(serving) == 1 else "are in rotation: stop and remove each"
        )
        reasons.append(f"{listed(serving)} {does} with `lifecycle remove-host`")
    if isinstance(bound := context.fleet.bound(cluster), UnreadableBoundHosts):
        reasons.append(bound.why)
    lease = context.leases.current(cluster)
    if isinstance(lease, UnreadableLease):
        reasons.append(lease.why)
    elif holder := lease.deployment:
        reasons.append(f"{holder} is a deployment of it that has not ended: abort it first")
    return reasons
