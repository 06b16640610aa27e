"""The port to the leases of clusters."""

from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.lease import Lease


class Leases(Protocol):
    """The leases: one deployment per cluster, fenced by an epoch that only grows."""

    def current(self, cluster: Cluster) -> Lease: ...

    def acquire(self, cluster: Cluster, deployment: str, now: datetime) -> Lease:
        """Take a free or expired lease under the next epoch, or return the lease that `deployment` holds already.

        Raises LeaseHeld if another deployment holds it.
        """

    def hand_over(self, cluster: Cluster, lease: Lease, successor: str, now: datetime) -> Lease:
        """Pass the lease on under the next epoch, without a gap; raises StaleEpoch if `lease` is fenced."""

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        """Extend the lease; raises StaleEpoch if `lease` is fenced."""

    def release(self, cluster: Cluster, lease: Lease) -> None:
        """Free the lease but retain its epoch; does nothing if `lease` is fenced or free already."""
