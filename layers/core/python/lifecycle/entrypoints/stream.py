"""Events of the ledger's stream about hosts, as the fields of a command."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.names import Partition


def clusters_of_reports(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the clusters of changed reports and schedules, each once; raises ValueError for a batch without any.

    A key that names no cluster is left out: it must not block the reports beside it.
    """
    found = dict.fromkeys(filter(None, (_cluster(each["dynamodb"]["Keys"]["pk"]["S"]) for each in records)))
    if not found:
        # Without a name, every cluster would be converged.
        message = f"expected reports of clusters in the stream, found none in {len(records)} records"
        raise ValueError(message)
    return tuple(found)


def _cluster(pk: str) -> str:
    try:
        return str(Cluster.parse(pk.removeprefix(Partition.REPORTS).removeprefix(Partition.SCHEDULES)))
    except InvalidValue:
        return ""
