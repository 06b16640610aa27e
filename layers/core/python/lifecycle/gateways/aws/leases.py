"""Leases in the ledger: one item per cluster. Lifecycle never deletes it.

An operator or a restore may set it back, so a new epoch is higher than every other record's too.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from lifecycle.domain.errors import LeaseHeld, LifecycleError, StaleEpoch, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.lease import RUNNING_LEASE, Lease, UnreadableLease
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, cluster_key, item, record_or

_UNCHANGED = "attribute_not_exists(pk) OR (epoch = :epoch AND deployment = :deployment)"


def lease_of(found: dict[str, Any] | None) -> Lease:
    """Return the lease of an item; free without an item, and held by an unknown deployment if it cannot be read."""
    return record_or(Lease, found, lambda _, why: UnreadableLease(why=why)) if found else Lease()


@translated
class DynamoLeases:
    """Every change is conditional on the lease that was read: one of two racing deployments gets it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def current(self, cluster: Cluster) -> Lease:
        found = self._table.get(cluster_key(cluster), "LEASE")
        return lease_of(found)

    def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int) -> Lease:
        lease = self.current(cluster)
        if lease.deployment == deployment and lease.epoch >= newest:
            return lease
        if lease.held_by_another(deployment, now):
            raise LeaseHeld(str(cluster), lease.deployment, lease.since or now)
        taken = Lease(lease.next_epoch(newest), deployment, now, now + RUNNING_LEASE)
        if not self._replace(cluster, lease, taken):
            return self.acquire(cluster, deployment, now, newest)
        return taken

    def hand_over(self, cluster: Cluster, lease: Lease, successor: str, now: datetime, newest: int) -> Lease:
        held = self.current(cluster)
        if held.deployment == successor:
            return held
        passed = Lease(lease.next_epoch(newest), successor, now, now + RUNNING_LEASE)
        if not self._replace(cluster, lease, passed):
            raise self._fenced(cluster, lease)
        return passed

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        renewed = replace(lease, expires_at=until)
        if not self._replace(cluster, lease, renewed):
            raise self._fenced(cluster, lease)
        return renewed

    def release(self, cluster: Cluster, lease: Lease) -> bool:
        return bool(lease.deployment) and self._replace(cluster, lease, Lease(lease.epoch))

    def _fenced(self, cluster: Cluster, lease: Lease) -> LifecycleError:
        """Return the error of a deployment whose lease has changed, or cannot be read any more."""
        current = self.current(cluster)
        if isinstance(current, UnreadableLease):
            return StoreRefused(current.why)
        return StaleEpoch(str(cluster), lease.epoch, current.epoch)

    def _replace(self, cluster: Cluster, old: Lease, new: Lease) -> bool:
        wanted = item(cluster_key(cluster), "LEASE", new)
        condition = _UNCHANGED if old.epoch == 0 else _UNCHANGED.partition(" OR ")[2]
        return self._table.put(wanted, condition, epoch={"N": str(old.epoch)}, deployment={"S": old.deployment})
