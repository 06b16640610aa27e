"""The schedules of a cluster, in words: their last runs, and when they run next.

Read by `lifecycle status`; reads only. The desired version says which schedules there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.readable import Rows
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from lifecycle.domain.service.cron import next_due
from lifecycle.domain.service.manifest import Schedule
from lifecycle.domain.time_format import moment

# A host's words in one line of a view.
_LONGEST_WHY = 400


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """One schedule: its newest run, if any, and the next due minute; None where the desired version lacks it."""

    name: str
    run: ScheduledRun | None
    next_at: datetime | None
    now: datetime

    @property
    def failed(self) -> bool:
        """Return whether its newest run failed or was lost, or its record cannot be true."""
        run = self.run
        return run is not None and (
            run.state is RunState.FAILED or run.is_lost(self.now) or not run.is_possible(self.now)
        )

    @property
    def in_words(self) -> str:
        follows = f"next at {moment(self.next_at)} UTC" if self.next_at else "the desired version does not have it"
        return f"{self._last}; {follows}"

    @property
    def _last(self) -> str:
        run = self.run
        if run is None:
            return "never run"
        what = f"the run of {moment(run.minute)} UTC on {run.host} with {run.version}"
        if self.failed:
            problems = run.all_problems(self.now)  # a host may write a failed run without any
            why = problems[-1].why if problems else "its record does not say why"
            return f"{what} failed: {' '.join(why.split())[:_LONGEST_WHY]}"
        if run.state is RunState.RUNNING:
            skipped = f", and {moment(run.decided)} was skipped" if run.decided > run.minute else ""
            return f"{what} goes on{skipped}"
        return f"{what} succeeded"


def view_schedules(context: Context, cluster: Cluster, version: str, rows: Rows) -> Sequence[ScheduleView]:
    """Return the schedules of a cluster, by name; `version` is the desired one, or empty."""
    found = {each.schedule: each for each in rows.read(lambda: context.scheduled_runs.of(cluster), ())}
    declared, now = _declared(context, cluster, version), context.clock.now()
    return [
        ScheduleView(name, found.get(name), next_due(declared[name].cron, now)[0] if name in declared else None, now)
        for name in sorted({*found, *declared})
    ]


def _declared(context: Context, cluster: Cluster, version: str) -> Mapping[str, Schedule]:
    try:
        return context.artifacts.manifest(cluster.service, version).schedules if version else {}
    except LifecycleError:
        return {}  # a plan says what is wrong with the manifest
