"""Reads over many clusters at once: leases and queues in batches, names from SSM; and deliveries."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lifecycle.application.ports.cluster_queries import Catalog, Delivery, LeaseAndQueue
from lifecycle.application.ports.registry import Registry
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.withdrawal import done
from lifecycle.gateways.aws.catalogue import releases_of, snapshots_of, withdrawals_of
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.leases import lease_of
from lifecycle.gateways.aws.table import Table, cluster_key, service_key, split, withdrawals_key

# A BatchGetItem takes 100 keys; a cluster has two.
_A_BATCH = 50
# SSM answers ten names per call and 40 calls per second for an account; 100 clusters have 60 pages of names.
_REMEMBERED_SECONDS = 60.0
_RUNS = 50


@translated
class DynamoClusterQueries:
    """`machine` is the ARN of the delivery state machine."""

    def __init__(
        self, table: Table, registry: Registry, states: Any, machine: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = table
        self._registry = registry
        self._states = states
        self._machine = machine
        self._clock = clock
        self._known: tuple[Cluster, ...] = ()
        self._known_at = 0.0

    def clusters(self, *, afresh: bool = False) -> Sequence[Cluster]:
        now = self._clock()
        if afresh or not self._known or now - self._known_at > _REMEMBERED_SECONDS:
            self._known, self._known_at = tuple(self._registry.clusters()), now
        return self._known

    def leases_and_queues(self, clusters: Sequence[Cluster]) -> Mapping[Cluster, LeaseAndQueue]:
        found: dict[Cluster, LeaseAndQueue] = {}
        for start in range(0, len(clusters), _A_BATCH):
            batch = clusters[start : start + _A_BATCH]
            keys = [(cluster_key(each), name) for each in batch for name in ("LEASE", "QUEUE")]
            items = iter(self._table.get_all(keys))
            for each, lease, waiting in zip(batch, items, items, strict=True):
                pending, errors = split(PendingDeployment, [waiting] if waiting else [])
                slot = next(iter(pending), None)
                found[each] = LeaseAndQueue(lease_of(lease), slot, tuple(map(str, errors)))
        return found

    def catalog(self, service: str) -> Catalog:
        by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in self._table.query(service_key(service)):
            by_kind[each["sk"]["S"].partition("#")[0]].append(each)
        snapshots, unread = snapshots_of(by_kind["SNAPSHOT"])
        releases, unclaimed = releases_of(by_kind["RELEASE"])
        withdrawals, unknown = withdrawals_of(self._table.query(withdrawals_key(service)))
        return Catalog(snapshots, releases, tuple(map(str, [*unread, *unclaimed, *unknown])), done(withdrawals))

    def deliveries(self) -> Sequence[Delivery]:
        found = self._states.list_executions(stateMachineArn=self._machine, maxResults=_RUNS)
        return [
            Delivery(each["name"], each["status"], each["startDate"], each.get("stopDate"))
            for each in found["executions"]
        ]
