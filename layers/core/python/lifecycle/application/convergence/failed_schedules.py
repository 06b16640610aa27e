"""Scheduled commands that failed or were skipped: report it once, in the audit log, which notifies people.

Called by converge.py. A schedule that fails each time is reported again after its next success, or after a week. So
is none that no version has any more: its last problem grows old. Records that cannot be read are a problem, too.

A host of the cluster writes the records, and may write anything. So the audit log has these words of Lifecycle: what
became of which schedule. The rest is what the host says, and a cluster's log takes MOST_A_DAY of such entries.
"""

from collections.abc import Iterator
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import MOST_CHARACTERS, REMINDED_AFTER, Finding, report_once
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import PROBLEMS, RunProblem, ScheduledRun
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind

# A service has 8 schedules at most, and each has few kinds of problems.
MOST_A_DAY = 24


def report_failed_schedules(context: Context, cluster: Cluster) -> None:
    """Write an audit entry for the newest problem of each kind of each schedule, unless it was reported before."""
    report_once(context, cluster, _findings(context, cluster), MOST_A_DAY)


def _findings(context: Context, cluster: Cluster) -> Iterator[Finding]:
    runs, unreadable = readable(lambda: context.scheduled_runs.of(cluster), ())
    now = context.clock.now()
    for error in unreadable[:1]:
        yield _finding(cluster, now, "found records of schedules that cannot be read", str(error))
    for run in runs:
        recent = [each for each in run.all_problems(now) if now - each.minute < REMINDED_AFTER]
        for what, problem in {_known(each): each for each in recent}.items():
            yield _of_problem(cluster, now, run, what, problem)


def _known(problem: RunProblem) -> str:
    return problem.what if problem.what in PROBLEMS else "with a problem of another kind"


def _of_problem(cluster: Cluster, now: datetime, run: ScheduledRun, what: str, problem: RunProblem) -> Finding:
    log = f"\n{problem.log_tail}" if problem.log_tail else ""
    why = f"{problem.minute:%Y-%m-%d %H:%M} UTC; {problem.host} says: {problem.why}{log}"
    # A success may have followed before convergence has read the record.
    since = min(run.succeeded, problem.minute) if run.succeeded else None
    return _finding(cluster, now, f"found the schedule {run.schedule} {what}", why, problem.host, since)


def _finding(
    cluster: Cluster, now: datetime, what: str, why: str, host: str = "", since: datetime | None = None
) -> Finding:
    kind = AuditKind.SCHEDULE
    entry = AuditEntry(now, str(cluster), what, "lifecycle", why[:MOST_CHARACTERS], host=host, kind=kind)
    return Finding(entry, lambda each: (each.kind, each.what) == (kind, what), since)
