"""The records of scheduled commands in the ledger: an item for each schedule of a cluster. Agents write them."""

from collections.abc import Sequence

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import ScheduledRun
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, schedules_key


@translated
class DynamoScheduledRuns:
    """Implements the port ScheduledRuns."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, cluster: Cluster) -> Sequence[ScheduledRun]:
        return self._table.records(ScheduledRun, schedules_key(cluster))
