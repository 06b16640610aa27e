"""Shared outages in the audit log: when one was noticed, and when it was over. Both entries notify people.

Called by converge.py. Nothing else remembers since when the hosts of a cluster are unhealthy.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.convergence.facts import ClusterFacts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind

# An outage that lasts longer is noticed once more.
_READ_BACK = timedelta(days=7)
_KINDS = (AuditKind.OUTAGE, AuditKind.OUTAGE_OVER)


def with_outage(context: Context, cluster: Cluster, facts: ClusterFacts) -> ClusterFacts:
    """Add when the shared outage of now was noticed, or the last one was over; record its beginning and its end."""
    now = context.clock.now()
    hosts = facts.unhealthy_together(now)
    last = _last_entry(context, cluster, now)
    open_ = last if last and last.kind is AuditKind.OUTAGE else None
    if hosts and open_:
        return replace(facts, unhealthy_since=open_.at)
    if hosts:
        what, why = f"found {listed(hosts)} unhealthy together", "their services run unchanged: a shared dependency?"
        context.audit_log.append(AuditEntry(now, str(cluster), what, "lifecycle", why, kind=AuditKind.OUTAGE))
        return replace(facts, unhealthy_since=now)
    if open_:
        what, why = "found the shared outage over", f"{open_.what} at {open_.at:%Y-%m-%d %H:%M:%S} UTC"
        context.audit_log.append(AuditEntry(now, str(cluster), what, "lifecycle", why, kind=AuditKind.OUTAGE_OVER))
        return replace(facts, recovered_at=now)
    return replace(facts, recovered_at=last.at) if last else facts


def _last_entry(context: Context, cluster: Cluster, now: datetime) -> AuditEntry | None:
    # An entry that cannot be read must not stop convergence: the outage is noticed once more.
    entries, _ = readable(lambda: context.audit_log.read(cluster, now - _READ_BACK, 1, _KINDS), ())
    return next(iter(entries), None)
