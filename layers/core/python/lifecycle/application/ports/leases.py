"""The port to the leases of clusters."""

from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.lease import Lease


class Leases(Protocol):
    """One deployment a cluster, fenced by an epoch that only grows."""

    def current(self, cluster: Cluster) -> Lease: ...

    def acquire(self, cluster: Cluster, deployment: str, now: datetime) -> Lease:
        """Take the lease under the next epoch, or return it when `deployment` has it.

        One that is free or has expired may be taken; raises LeaseHeld for any other.
        """
        ...

    def hand_over(self, cluster: Cluster, lease: Lease, successor: str, now: datetime) -> Lease:
        """Pass it on under the next epoch, without a gap; raises StaleEpoch when `lease` was overtaken."""
        ...

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        """Let it expire later; raises StaleEpoch when `lease` was overtaken."""
        ...

    def release(self, cluster: Cluster, lease: Lease) -> None:
        """Free it, keeping the epoch; nothing happens when `lease` was overtaken or is free already."""
        ...
