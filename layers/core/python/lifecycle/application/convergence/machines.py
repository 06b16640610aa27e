"""Instances of Auto Scaling: bind each to the address that EC2 knows, before its report can count.

Called by converge.py before anything else, also at the event of a new instance. A bound host that EC2 does not know
stays bound: an answer of EC2 may lack an instance for a moment, and an unbound host loses its traffic. A terminated
one is removed by its own event, or here once it is unreachable for long. One whose agent reports is reported.
"""

from collections.abc import Mapping
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import Finding, report_once
from lifecycle.application.fleet.bind_hosts import bind_hosts
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.guard_machines import guard_as_needed
from lifecycle.domain.errors import CallFailed, InvalidValue, Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.listing import listed
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind

# The reports of so many unknown hosts are read at each convergence.
_MOST_READ = 20
_WHO = "auto-scaling"
_GONE = "EC2 does not know the instance, and its agent is unreachable: the event of its end was lost"
# EC2's answers are consistent long before, and an agent reports every few seconds.
_GONE_AFTER = timedelta(minutes=15)
_WHY = "EC2 names this private address of an instance of the Auto Scaling group"


def bind_machines(context: Context, cluster: Cluster) -> str:
    """Bind the instances that are not bound yet, or elsewhere; return why that failed, or nothing.

    A repair must not wait for it: what is bound already stays bound.
    """
    try:
        _bind(context, cluster)
    except (CallFailed, InvalidValue, Refused) as error:
        return f"its instances are not bound: {error}"
    return ""


def _bind(context: Context, cluster: Cluster) -> None:
    machines = context.machines.addresses(cluster)
    if not machines:
        return
    guard_as_needed(context, cluster)
    bound = context.fleet.bound(cluster).places
    taken = {address for host, address in machines.items() if bound.get(host) != address}
    _report_unknown(context, cluster, {host: at for host, at in bound.items() if host not in machines})
    for host, address in bound.items():
        if host not in machines and address in taken:  # of a terminated instance, whose event was lost
            context.record(cluster, f"unbind {host}", _WHO, f"{address} is another instance's now", host=host)
            context.fleet.unbind(cluster, host)
    _remove_gone(context, cluster, set(bound) - set(machines))
    if taken:
        _ = bind_hosts(context, cluster, machines, RequestedBy(_WHO, _WHY), machines)  # a sentence for people


def _remove_gone(context: Context, cluster: Cluster, unknown: set[str]) -> None:
    """Remove the hosts that EC2 does not know, that are unreachable for long, and that have no target."""
    for host in sorted(unknown):
        report = context.fleet.report(cluster, host)
        if not isinstance(report, HostReport) or isinstance(report, UnreadableReport):
            continue
        if not report.unreachable_since(context.clock.now(), _GONE_AFTER):
            continue
        if not context.dispatcher.target(cluster, report.address).in_rotation:
            # What it says is in the audit log.
            _ = remove_host(context, cluster, host, RequestedBy(_WHO, _GONE), terminated=True)


def _report_unknown(context: Context, cluster: Cluster, unknown: Mapping[str, str]) -> None:
    """Write an audit entry about the bound hosts that report, and that EC2 does not know, unless it was written."""
    alive = {host: at for host, at in sorted(unknown.items())[:_MOST_READ] if _reports(context, cluster, host)}
    if not alive:
        return
    named = listed([f"{host} at {at}" for host, at in alive.items()])
    what = f"found bound hosts that are no instances of the Auto Scaling group: {named}"
    why = (
        f"their agents report, and EC2 does not know them. Remove each with `lifecycle remove-host {cluster.service} "
        "HOST`, or attach its instance to the group"
    )
    entry = AuditEntry(context.clock.now(), str(cluster), what, "lifecycle", why, kind=AuditKind.HAND_MADE)
    report_once(context, cluster, [Finding(entry, lambda each: (each.kind, each.what) == (entry.kind, what))])


def _reports(context: Context, cluster: Cluster, host: str) -> bool:
    report = context.fleet.report(cluster, host)
    if not isinstance(report, HostReport):
        return False
    return not report.unreachable_since(context.clock.now(), context.heartbeat_timeout)
