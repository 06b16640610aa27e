"""Scheduled commands that failed or were skipped: report it once, in the audit log, which notifies people.

Called by converge.py. A schedule that fails each time is reported again after its next success, or after a week. So
is none that no version has any more: its last problem grows old. Records that cannot be read are a problem, too.
"""

from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import REMINDED_AFTER, report_once
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import RunProblem, ScheduledRun
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind

# An agent writes 20 lines of 500 characters at most. The record of a host may have as much as the ledger takes.
_MOST_CHARACTERS = 12_000


def report_failed_schedules(context: Context, cluster: Cluster) -> None:
    """Write an audit entry for the newest problem of each kind of each schedule, unless it was reported before."""
    runs, unreadable = readable(lambda: context.scheduled_runs.of(cluster), ())
    for error in unreadable[:1]:
        _append_once(context, cluster, "found records of schedules that cannot be read", str(error))
    for run in runs:
        now = context.clock.now()
        recent = [each for each in run.all_problems(now) if now - each.minute < REMINDED_AFTER]
        for problem in {each.what: each for each in recent}.values():
            _report(context, cluster, run, problem)


def _report(context: Context, cluster: Cluster, run: ScheduledRun, problem: RunProblem) -> None:
    what = f"found the schedule {run.schedule} {problem.what}"
    log = f"\n{problem.log_tail}" if problem.log_tail else ""
    why = f"{problem.minute:%Y-%m-%d %H:%M} UTC on {problem.host}: {problem.why}{log}"
    # A success may have followed before convergence has read the record.
    since = min(run.succeeded, problem.minute) if run.succeeded else None
    _append_once(context, cluster, what, why, problem.host, since)


def _append_once(
    context: Context, cluster: Cluster, what: str, why: str, host: str = "", since: datetime | None = None
) -> None:
    kind = AuditKind.SCHEDULE
    entry = AuditEntry(
        context.clock.now(), str(cluster), what, "lifecycle", why[:_MOST_CHARACTERS], host=host, kind=kind
    )
    report_once(context, cluster, entry, lambda each: (each.kind, each.what) == (kind, what), since)
