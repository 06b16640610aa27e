"""Crash loops: report each once, in the audit log, which notifies people.

Called by converge.py. The repairs go on, less and less often (domain/convergence/crash_loop.py).
"""

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import MOST_CHARACTERS, Finding, report_once
from lifecycle.domain.convergence.crash_loop import CrashLoop
from lifecycle.domain.convergence.decide import ClusterFacts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


def report_crash_loops(context: Context, cluster: Cluster, facts: ClusterFacts) -> None:
    """Write an audit entry for each crash loop, unless this one was reported before."""
    loops = [loop for loop in facts.crash_loops.values() if loop.is_reported]
    report_once(context, cluster, [_finding(context, cluster, loop) for loop in loops])


def _finding(context: Context, cluster: Cluster, loop: CrashLoop) -> Finding:
    what = f"found {loop.host} in a crash loop on {loop.version}"
    log = f"\n{loop.end.log_tail}" if loop.end.log_tail else ""
    entry = AuditEntry(
        context.clock.now(),
        str(cluster),
        what,
        "lifecycle",
        f"{loop.reason}{log}"[:MOST_CHARACTERS],
        host=loop.host,
        kind=AuditKind.CRASH_LOOP,
    )
    # Each end of the loop has another reason.
    return Finding(entry, lambda each: (each.kind, each.what) == (entry.kind, what), loop.since)
