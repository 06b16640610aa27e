"""Crash loops: report each once, in the audit log, which notifies people.

Called by converge.py. The repairs go on, less and less often (domain/convergence/crash_loop.py).
"""

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import report_once
from lifecycle.domain.convergence.crash_loop import CrashLoop
from lifecycle.domain.convergence.decide import ClusterFacts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


def report_crash_loops(context: Context, cluster: Cluster, facts: ClusterFacts) -> None:
    """Write an audit entry for each crash loop, unless this one was reported before."""
    for loop in facts.crash_loops.values():
        if loop.is_reported:
            _report_once(context, cluster, loop)


def _report_once(context: Context, cluster: Cluster, loop: CrashLoop) -> None:
    what = f"found {loop.host} in a crash loop on {loop.version}"
    log = f"\n{loop.end.log_tail}" if loop.end.log_tail else ""
    entry = AuditEntry(
        context.clock.now(),
        str(cluster),
        what,
        "lifecycle",
        f"{loop.reason}{log}",
        host=loop.host,
        kind=AuditKind.CRASH_LOOP,
    )
    # Each end of the loop has another reason.
    report_once(context, cluster, entry, lambda each: (each.kind, each.what) == (entry.kind, what), loop.since)
