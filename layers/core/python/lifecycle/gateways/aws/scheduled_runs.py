"""The records of scheduled commands in the ledger: an item for each schedule of a cluster. Agents write them."""

from collections.abc import Sequence

from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import ScheduledRun
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, schedules_key, split, whole
from lifecycle.gateways.record_kinds import kind_of

# Of a cluster, with those of schedules that no version has any more. A host may fill the partition.
MOST_SCHEDULES = 200
_MOST_PAGES = 4  # of 1 MB


@translated
class DynamoScheduledRuns:
    """Implements the port ScheduledRuns."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, cluster: Cluster) -> Sequence[ScheduledRun]:
        pk = schedules_key(cluster)
        found, every = self._table.first_items(pk, MOST_SCHEDULES, _MOST_PAGES)
        read, errors = split(ScheduledRun, found)
        return whole(read, errors if every else [_too_many(pk), *errors])


def _too_many(pk: str) -> UnreadableRecord:
    source = kind_of(pk, "").source(pk, "(more schedules)")
    return source.unreadable(f"at most {MOST_SCHEDULES} records in {_MOST_PAGES} MB", "more: a host may write any")
