"""Changes that a person made beside Lifecycle: report each once, in the audit log, which notifies people.

Called by converge.py. Nothing is undone here: a person decides what becomes of such a change.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.domain.convergence.decide import ClusterFacts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind

# A change that stays is reported again after this time.
REMINDED_AFTER = timedelta(days=7)
_ENTRIES_READ = 500


def report_hand_made(context: Context, cluster: Cluster, facts: ClusterFacts) -> None:
    """Write an audit entry for each change that was made by hand, unless it was reported before."""
    found = list(_changes(context, cluster, facts))
    if not found:
        return
    now = context.clock.now()
    entries = context.audit_log.read(cluster, now - REMINDED_AFTER, _ENTRIES_READ)
    last = facts.nobodys.last if facts.nobodys else None
    # The same edit after another deployment is another change.
    since = last.started_at if last else None
    known = {replace(each, at=now) for each in entries if since is None or each.at >= since}
    for entry in found:
        if entry not in known:
            context.audit_log.append(entry)


def _changes(context: Context, cluster: Cluster, facts: ClusterFacts) -> Iterator[AuditEntry]:
    now = context.clock.now()
    if facts.nobodys and not facts.lease.deployment:
        last = facts.nobodys.last.id if facts.nobodys.last else ""
        what, why = "found the desired version changed by hand", facts.nobodys.held
        yield AuditEntry(now, str(cluster), what, "lifecycle", why, last, kind=AuditKind.HAND_MADE)
    if facts.strangers:
        what = f"found targets of no host: {listed(sorted(facts.strangers))}"
        why = f"no host of {cluster} reports these addresses: deregister them, or start an agent on each"
        yield AuditEntry(now, str(cluster), what, "lifecycle", why, kind=AuditKind.HAND_MADE)
