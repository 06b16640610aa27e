"""Services that stay down: report each once, in the audit log, which notifies people.

Called by converge.py. The repairs of a crash loop go on, less and less often (domain/convergence/crash_loop.py).
"""

from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import MOST_CHARACTERS, Finding, report_once
from lifecycle.domain.convergence.crash_loop import CrashLoop
from lifecycle.domain.convergence.facts import ClusterFacts
from lifecycle.domain.convergence.kept_down import kept_down
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import ServiceEnd
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.deployment import Deployment


def report_crash_loops(context: Context, cluster: Cluster, facts: ClusterFacts) -> None:
    """Write an audit entry for each crash loop, unless this one was reported before."""
    loops = [loop for loop in facts.crash_loops.values() if loop.is_reported]
    report_once(context, cluster, [_crash_loop(context, cluster, loop) for loop in loops])


def report_hosts_down(context: Context, cluster: Cluster, facts: ClusterFacts) -> None:
    """Write an audit entry for each host that stays down because a deployment has the cluster, once for each end."""
    if (holder := facts.holder) is None:
        return
    now, served = context.clock.now(), facts.had.keys()
    down = kept_down(facts.reports, served, facts.bad_hosts, holder, facts.minute, now)
    report_once(context, cluster, [_down(context, cluster, host, end, holder) for host, end in down.items()])


def _crash_loop(context: Context, cluster: Cluster, loop: CrashLoop) -> Finding:
    what = f"found {loop.host} in a crash loop on {loop.version}"
    # Each end of the loop has another reason.
    since = loop.since if loop.whole else None
    return _finding(context, cluster, AuditKind.CRASH_LOOP, loop.host, what, loop.reason, loop.end, since)


def _down(context: Context, cluster: Cluster, host: str, end: ServiceEnd, holder: Deployment) -> Finding:
    what = f"found {host} down while {holder.id} has the cluster"
    why = f"{end.in_words}. No repair begins before that deployment ({holder.state}) has ended: answer it, or end it"
    return _finding(context, cluster, AuditKind.HOST_DOWN, host, what, why, end, end.at)


def _finding(
    context: Context,
    cluster: Cluster,
    kind: AuditKind,
    host: str,
    what: str,
    why: str,
    end: ServiceEnd,
    since: datetime | None,
) -> Finding:
    log = f"\n{end.log_tail}" if end.log_tail else ""
    text = f"{why}{log}"[:MOST_CHARACTERS]
    entry = AuditEntry(context.clock.now(), str(cluster), what, "lifecycle", text, host=host, kind=kind)
    return Finding(entry, lambda each: (each.kind, each.what) == (kind, what), since)
