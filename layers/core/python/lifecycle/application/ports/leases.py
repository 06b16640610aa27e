"""The port to the leases of clusters."""

from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.lease import Lease


class Leases(Protocol):
    """The leases: one deployment per cluster, fenced by an epoch that only grows."""

    def current(self, cluster: Cluster) -> Lease: ...

    def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int) -> Lease:
        """Take a free or expired lease, or return the lease that `deployment` holds already.

        The new epoch is higher than the lease's and than `newest`, the newest epoch of all other records. A
        lease that is held under an epoch older than `newest` is taken again. Raises LeaseHeld if another
        deployment holds it.
        """

    def hand_over(self, cluster: Cluster, lease: Lease, successor: str, now: datetime, newest: int) -> Lease:
        """Pass the lease on without a gap, under an epoch as `acquire` takes it.

        Raises StaleEpoch unless the cluster's lease is `lease`.
        """

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        """Extend the lease; raises StaleEpoch unless the cluster's lease is `lease`."""

    def release(self, cluster: Cluster, lease: Lease) -> bool:
        """Free the lease but retain its epoch; returns False, and does nothing, unless it is `lease`.

        A lease that was freed before is no refusal.
        """
