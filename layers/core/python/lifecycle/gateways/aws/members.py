"""The members of clusters without a load balancer, in the ledger. Agents cannot write here."""

from collections.abc import Sequence
from typing import Any

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.member import Member
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, item, record_or, rotation_key
from lifecycle.gateways.record_kinds import member_key


@translated
class DynamoMembers:
    """One item a member; its key alone makes it one."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self, cluster: Cluster) -> Sequence[Member]:
        return [found for each in self._table.query(rotation_key(cluster)) if (found := _member(each))]

    def at(self, cluster: Cluster, address: str) -> Sequence[Member]:
        prefix = member_key(address, "")
        return [found for each in self._table.query(rotation_key(cluster), prefix) if (found := _member(each))]

    def add(self, cluster: Cluster, member: Member) -> None:
        self._table.put(item(rotation_key(cluster), member_key(member.address, member.port), member))

    def remove(self, cluster: Cluster, address: str, port: int) -> None:
        self._table.delete(rotation_key(cluster), member_key(address, port))


def _member(found: dict[str, Any]) -> Member | None:
    """Return the member of an item; None for a key that is no address with a port, which no call has written."""
    address, _, port = found["sk"]["S"].partition(" ")
    if not port.isdecimal():
        return None
    return record_or(Member, found, lambda _, __: Member(address, int(port)))
