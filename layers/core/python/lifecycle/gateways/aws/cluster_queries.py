"""Reads over many clusters at once: leases and queues in batches, names from SSM; and deliveries."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from lifecycle.application.ports.cluster_queries import Catalog, Delivery, LeaseAndQueue
from lifecycle.application.ports.registry import Registry
from lifecycle.domain.delivery.removal import former_owner
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.commits import COMMITS, CommitCounts
from lifecycle.domain.service.withdrawal import done
from lifecycle.gateways.aws.catalogue import releases_of, snapshots_of, withdrawals_of
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.leases import lease_of
from lifecycle.gateways.aws.table import Table, cluster_key, repository_key, service_key, split, withdrawals_key
from lifecycle.gateways.small_records import ClaimedRelease, Owner, RecordedSnapshot

T = TypeVar("T")

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

    def commit_counts(self, versions: Mapping[str, Collection[str]]) -> Mapping[str, CommitCounts]:
        asked = [(service, version) for service, some in versions.items() for version in some]
        claims = self._read(ClaimedRelease, [(service_key(name), f"RELEASE#{version}") for name, version in asked])
        owners = self._read(Owner, [(service_key(name), "OWNER") for name in versions])
        of = [former_owner(each.repository) if each else "" for each in owners]
        snapshots = [claim.snapshot if claim else each[1] for each, claim in zip(asked, claims, strict=True)]
        keys = [(service_key(name), f"SNAPSHOT#{each}") for (name, _), each in zip(asked, snapshots, strict=True)]
        facts = self._read(RecordedSnapshot, keys)
        builds = self._read(RepositoryBuilds, [(repository_key(each), "BUILDS") for each in of])
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for (name, version), found in zip(asked, facts, strict=True):
            counts[name][version] = _number(found.facts.get(COMMITS, "")) if found else 0
        newest = {name: each.newest.get(name) if each else None for name, each in zip(versions, builds, strict=True)}
        return {
            name: CommitCounts(each.snapshot, each.commits, counts[name]) if each else CommitCounts()
            for name, each in newest.items()
        }

    def _read(self, kind: type[T], keys: Sequence[tuple[str, str]]) -> list[T | None]:
        """Return the record of each key; None for one that is missing or cannot be read."""
        found = [split(kind, [each] if each else [])[0] for each in self._table.get_all(keys)]
        return [each[0] if each else None for each in found]

    def deliveries(self) -> Sequence[Delivery]:
        found = self._states.list_executions(stateMachineArn=self._machine, maxResults=_RUNS)
        return [
            Delivery(each["name"], each["status"], each["startDate"], each.get("stopDate"))
            for each in found["executions"]
        ]


def _number(text: str) -> int:
    """Return the number in a fact of a snapshot; 0 where an older Lifecycle recorded none."""
    return int(text) if text.isdecimal() else 0
