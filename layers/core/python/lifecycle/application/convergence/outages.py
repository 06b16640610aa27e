"""Shared outages in the audit log: when one was noticed, and when it was over. Both entries notify people.

Called by converge.py. Nothing else remembers since when the hosts of a cluster are unhealthy.
"""

from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.convergence.decide import ClusterFacts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind

# An outage that lasts longer, or has more entries of other kinds, is noticed once more.
_READ_BACK, _ENTRIES_READ = timedelta(days=7), 200


def noticed(context: Context, cluster: Cluster, facts: ClusterFacts) -> datetime | None:
    """Return when the shared outage of now was noticed, None if there is none; record its beginning and its end."""
    now = context.clock.now()
    hosts = facts.unhealthy_together(now)
    open_ = _open_outage(context, cluster, now)
    if hosts and open_:
        return open_.at
    if hosts:
        what, why = f"found {listed(hosts)} unhealthy together", "their services run unchanged: a shared dependency?"
        context.audit_log.append(AuditEntry(now, str(cluster), what, "lifecycle", why, kind=AuditKind.OUTAGE))
        return now
    if open_:
        what, why = "found the shared outage over", f"{open_.what} at {open_.at:%Y-%m-%d %H:%M:%S} UTC"
        context.audit_log.append(AuditEntry(now, str(cluster), what, "lifecycle", why, kind=AuditKind.OUTAGE_OVER))
    return None


def _open_outage(context: Context, cluster: Cluster, now: datetime) -> AuditEntry | None:
    kinds = (AuditKind.OUTAGE, AuditKind.OUTAGE_OVER)
    # An entry that cannot be read must not stop convergence: the outage is noticed once more.
    entries, _ = readable(lambda: context.audit_log.read(cluster, now - _READ_BACK, _ENTRIES_READ), ())
    last = next((each for each in reversed(entries) if each.kind in kinds), None)
    return last if last and last.kind is AuditKind.OUTAGE else None
