"""The records of scheduled commands in memory."""

from collections.abc import Sequence

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import ScheduledRun


class MemoryScheduledRuns:
    """The records of each cluster, by schedule. An agent writes them (tests/fakes/agent.py)."""

    def __init__(self) -> None:
        self.records: dict[Cluster, dict[str, ScheduledRun]] = {}

    def of(self, cluster: Cluster) -> Sequence[ScheduledRun]:
        found = self.records.get(cluster, {})
        return [found[name] for name in sorted(found)]
