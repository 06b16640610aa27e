"""The members of clusters without a load balancer, in memory."""

from collections.abc import Sequence

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.member import Member
from tests.fakes.keys import required


class MemoryMembers:
    """Members by cluster, address and port."""

    def __init__(self) -> None:
        self._members: dict[Cluster, dict[tuple[str, int], Member]] = {}

    def all(self, cluster: Cluster) -> Sequence[Member]:
        found = self._members.get(cluster, {})
        return [found[place] for place in sorted(found)]

    def at(self, cluster: Cluster, address: str) -> Sequence[Member]:
        return [each for each in self.all(cluster) if each.address == address]

    def add(self, cluster: Cluster, member: Member) -> None:
        required(f"{member.address} {member.port}")
        self._members.setdefault(cluster, {})[member.address, member.port] = member

    def remove(self, cluster: Cluster, address: str, port: int) -> None:
        self._members.get(cluster, {}).pop((address, port), None)
