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

    def acquire(self, cluster: Cluster, deployment: str, now: datetime) -> Lease:
        lease = self.current(cluster)
        if lease.deployment == deployment:
            return lease
        if lease.held_by_another(deployment, now):
            raise LeaseHeld(str(cluster), lease.deployment, lease.since or now)
        self._leases[cluster] = Lease(lease.epoch + 1, deployment, now, now + RUNNING_LEASE)
        return self._leases[cluster]

    def hand_over(self, cluster: Cluster, lease: Lease, successor: str, now: datetime) -> Lease:
        held = self.current(cluster)
        if held.deployment == successor:
            return held
        if not held.is_held_by(lease.deployment, lease.epoch):
            raise StaleEpoch(str(cluster), lease.epoch, held.epoch)
        self._leases[cluster] = Lease(lease.epoch + 1, successor, now, now + RUNNING_LEASE)
        return self._leases[cluster]

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        held = self.current(cluster)
        if not held.is_held_by(lease.deployment, lease.epoch):
            raise StaleEpoch(str(cluster), lease.epoch, held.epoch)
        self._leases[cluster] = replace(held, expires_at=until)
        return self._leases[cluster]

    def release(self, cluster: Cluster, lease: Lease) -> None:
        held = self.current(cluster)
        if held.is_held_by(lease.deployment, lease.epoch):
            self._leases[cluster] = Lease(held.epoch)
