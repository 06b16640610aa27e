"""Scheduled commands that failed or were skipped: report it once, in the audit log, which notifies people.

Called by converge.py. A schedule that fails each time is reported again after its next success, or after a week. So
is none that no version has any more: its last problem grows old.
"""

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import REMINDED_AFTER, report_once
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import RunProblem, ScheduledRun
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


def report_failed_schedules(context: Context, cluster: Cluster) -> None:
    """Write an audit entry for the newest problem of each kind of each schedule, unless it was reported before."""
    runs, _ = readable(lambda: context.scheduled_runs.of(cluster), ())
    for run in runs:
        now = context.clock.now()
        recent = [each for each in run.all_problems(now) if now - each.minute < REMINDED_AFTER]
        for problem in {each.what: each for each in recent}.values():
            _report(context, cluster, run, problem)


def _report(context: Context, cluster: Cluster, run: ScheduledRun, problem: RunProblem) -> None:
    what = f"found the schedule {run.schedule} {problem.what}"
    log = f"\n{problem.log_tail}" if problem.log_tail else ""
    why = f"{problem.minute:%Y-%m-%d %H:%M} UTC on {problem.host}: {problem.why}{log}"
    entry = AuditEntry(
        context.clock.now(), str(cluster), what, "lifecycle", why, host=problem.host, kind=AuditKind.SCHEDULE
    )
    # A success may have followed before convergence has read the record.
    since = min(run.succeeded, problem.minute) if run.succeeded else None
    report_once(context, cluster, entry, lambda each: (each.kind, each.what) == (entry.kind, what), since)
