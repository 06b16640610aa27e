"""The pending deployment in the ledger: an item beside the cluster's lease."""

from typing import Any

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, cluster_key, item, record, record_or

_SORT_KEY = "QUEUE"


@translated
class DynamoQueue:
    """Every change is conditional on the pending deployment that was read."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def waiting(self, cluster: Cluster) -> PendingDeployment | None:
        found = self._table.get(cluster_key(cluster), _SORT_KEY)
        return record(PendingDeployment, found) if found else None

    def replace(self, cluster: Cluster, expected: PendingDeployment | None, new: PendingDeployment | None) -> bool:
        pk = cluster_key(cluster)
        if expected is None and new is None:
            return self.waiting(cluster) is None
        condition = "deployment = :deployment" if expected else "attribute_not_exists(pk)"
        values = {"deployment": {"S": expected.request.deployment}} if expected else {}
        if new is None:
            return self._table.delete(pk, _SORT_KEY, condition, **values)
        wanted = item(pk, _SORT_KEY, new)
        if self._table.put(wanted, condition, **values):
            return True
        return expected is None and self._replace_unreadable(pk, wanted)

    def _replace_unreadable(self, pk: str, wanted: dict[str, Any]) -> bool:
        """Replace an item that cannot be read, unless somebody has replaced it meanwhile."""
        found = self._table.get(pk, _SORT_KEY)
        if found is None or record_or(PendingDeployment, found, lambda *_: None) is not None:
            return False
        if "body" in found:
            return self._table.put(wanted, "body = :body", body=found["body"])
        return self._table.put(wanted, "attribute_not_exists(body)")
