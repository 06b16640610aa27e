"""Scheduled commands that failed or were skipped: report it once, in the audit log, which notifies people.

Called by converge.py. A schedule that fails each time is reported again after its next success, or after a week.
"""

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import report_once
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import RunProblem, ScheduledRun
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


def report_failed_schedules(context: Context, cluster: Cluster) -> None:
    """Write an audit entry for the newest problem of each kind of each schedule, unless it was reported before."""
    runs, _ = readable(lambda: context.scheduled_runs.of(cluster), ())
    for run in runs:
        problems = run.all_problems(context.clock.now())
        newest = {each.what: each for each in problems if not run.succeeded or each.minute > run.succeeded}
        for problem in newest.values():
            _report(context, cluster, run, problem)


def _report(context: Context, cluster: Cluster, run: ScheduledRun, problem: RunProblem) -> None:
    what = f"found the schedule {run.schedule} {problem.what}"
    log = f"\n{problem.log_tail}" if problem.log_tail else ""
    why = f"{problem.minute:%Y-%m-%d %H:%M} UTC on {problem.host}: {problem.why}{log}"
    entry = AuditEntry(
        context.clock.now(), str(cluster), what, "lifecycle", why, host=problem.host, kind=AuditKind.SCHEDULE
    )
    report_once(context, cluster, entry, lambda each: (each.kind, each.what) == (entry.kind, what), run.succeeded)
