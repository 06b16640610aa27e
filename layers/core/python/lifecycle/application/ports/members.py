"""The port to the members of clusters without a load balancer: the hosts that are meant to work."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.member import Member


class Members(Protocol):
    """The hosts in rotation of clusters without a load balancer, each by its address and port."""

    def all(self, cluster: Cluster) -> Sequence[Member]:
        """Return the members of a cluster. One whose record cannot be read is one too, without its host's name."""

    def at(self, cluster: Cluster, address: str) -> Sequence[Member]:
        """Return the members with this address."""

    def add(self, cluster: Cluster, member: Member) -> None:
        """Add a member, or replace the one of this address and port."""

    def remove(self, cluster: Cluster, address: str, port: int) -> None:
        """Remove the member of this address and port; no error if there is none."""
