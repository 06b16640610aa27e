"""The port to the records of scheduled commands, which agents write (apps/agent/schedules.py)."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import ScheduledRun


class ScheduledRuns(Protocol):
    """The newest run of each schedule."""

    def of(self, cluster: Cluster) -> Sequence[ScheduledRun]:
        """Return a cluster's records by schedule; raises SomeUnreadable, which has the others."""
