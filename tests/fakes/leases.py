"""Leases in memory."""

from dataclasses import replace
from datetime import datetime

from lifecycle.domain.errors import LeaseHeld, StaleEpoch
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.lease import RUNNING_LEASE, Lease


class MemoryLeases:
    """One lease for each cluster, whose epoch only grows."""

    def __init__(self) -> None:
        self._leases: dict[Cluster, Lease] = {}

    def current(self, cluster: Cluster) -> Lease:
        return self._leases.get(cluster, Lease())

    def set_back(self, cluster: Cluster, lease: Lease | None = None) -> None:
        """Delete a lease, or replace it by an earlier one, as an operator or a restore does."""
        self._leases.pop(cluster, None)
        if lease is not None:
            self._leases[cluster] = lease

    def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
        lease = self.current(cluster)
        if lease.deployment == deployment and lease.epoch >= newest:
            return lease
        if lease.held_by_another(deployment, now):
            raise LeaseHeld(str(cluster), lease.deployment, lease.since or now)
        self._leases[cluster] = Lease(lease.next_epoch(newest), deployment, now, now + RUNNING_LEASE)
        return self._leases[cluster]

    def hand_over(self, cluster: Cluster, lease: Lease, successor: str, now: datetime, newest: int = 0) -> Lease:
        held = self.current(cluster)
        if held.deployment == successor:
            return held
        if not held.is_held_by(lease.deployment, lease.epoch):
            raise StaleEpoch(str(cluster), lease.epoch, held.epoch)
        self._leases[cluster] = Lease(lease.next_epoch(newest), successor, now, now + RUNNING_LEASE)
        return self._leases[cluster]

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        held = self.current(cluster)
        if not held.is_held_by(lease.deployment, lease.epoch):
            raise StaleEpoch(str(cluster), lease.epoch, held.epoch)
        self._leases[cluster] = replace(held, expires_at=until)
        return self._leases[cluster]

    def release(self, cluster: Cluster, lease: Lease) -> bool:
        held = self.current(cluster)
        if lease.deployment and held == Lease(lease.epoch):
            return True
        if not lease.deployment or not held.is_held_by(lease.deployment, lease.epoch):
            return False
        self._leases[cluster] = Lease(held.epoch)
        return True
