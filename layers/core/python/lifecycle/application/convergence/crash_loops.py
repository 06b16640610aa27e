"""Crash loops: report each once, in the audit log, which notifies people.

Called by converge.py. The repairs go on, less and less often (domain/convergence/crash_loop.py).
"""

from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.domain.convergence.crash_loop import CrashLoop
from lifecycle.domain.convergence.decide import ClusterFacts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind

# A crash loop that lasts is reported again after this time.
REMINDED_AFTER = timedelta(days=7)
_ENTRIES_READ = 500


def report_crash_loops(context: Context, cluster: Cluster, facts: ClusterFacts) -> None:
    """Write an audit entry for each crash loop, unless this one was reported before."""
    for loop in facts.crash_loops.values():
        if loop.is_reported:
            _report_once(context, cluster, loop)


def _report_once(context: Context, cluster: Cluster, loop: CrashLoop) -> None:
    now = context.clock.now()
    what = f"found {loop.host} in a crash loop on {loop.version}"
    before = context.audit_log.read(cluster, max(now - REMINDED_AFTER, loop.since), _ENTRIES_READ)
    if any(each.kind is AuditKind.CRASH_LOOP and each.what == what for each in before):
        return
    log = f"\n{loop.end.log_tail}" if loop.end.log_tail else ""
    entry = AuditEntry(
        now, str(cluster), what, "lifecycle", f"{loop.reason}{log}", host=loop.host, kind=AuditKind.CRASH_LOOP
    )
    context.audit_log.append(entry)
