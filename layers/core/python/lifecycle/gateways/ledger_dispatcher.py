"""The port Dispatcher for a cluster without a load balancer: its rotation is in the ledger.

Made by entrypoints/bootstrap.py, and by the tests over members in memory. Draining ends at once: an installation
stops the service, which gets `stop_seconds` to end its work.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from lifecycle.application.ports.clock import Clock
from lifecycle.application.ports.fleet import Fleet
from lifecycle.application.ports.members import Members
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.member import Member, MemberHealth, health_of, host_at
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState, check_target, check_weights


class LedgerDispatcher:
    """Members instead of targets. A cluster has the main group only, and no test bed."""

    def __init__(self, members: Members, fleet: Fleet, clock: Clock, heartbeat_timeout: timedelta) -> None:
        self._members = members
        self._fleet = fleet
        self._clock = clock
        self._heartbeat_timeout = heartbeat_timeout

    def has_load_balancer(self, cluster: Cluster) -> bool:  # noqa: ARG002 (none of its clusters has one)
        return False

    def targets(self, cluster: Cluster, addresses: Collection[str] | None = None) -> Mapping[str, TargetState]:
        found = self.members(cluster, Group.MAIN)
        return found if addresses is None else {each: found[each] for each in addresses if each in found}

    def target(self, cluster: Cluster, address: str) -> TargetState:
        found = self._best_at(cluster, address)
        return found.state if found else TargetState.ABSENT

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        if group is not Group.MAIN:
            return {}
        states: dict[str, TargetState] = {}
        for each in self.registered(cluster):
            # Of two members with one address, the one that works counts.
            if states.get(each.address) is not TargetState.HEALTHY:
                states[each.address] = each.state
        return states

    def registered(self, cluster: Cluster, group: Group | None = None) -> Sequence[RegisteredTarget]:
        if group not in (None, Group.MAIN):
            return []
        # The members are read first: a host reports its address before it can become one.
        members, reports = self._members.all(cluster), self._fleet.reports(cluster)
        return [
            RegisteredTarget(each.address, each.port, Group.MAIN, self._health(each, reports).state)
            for each in members
        ]

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        if group is not Group.MAIN:
            raise _no_test_bed(cluster)
        check_target(address, port or None)  # a service without HTTP needs no port
        host = host_at(self._fleet.reports(cluster), address, port)
        self._members.add(cluster, Member(address, port, host))

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        check_target(address, port or None)
        if group in (None, Group.MAIN):
            ports = {each.port for each in self._members.at(cluster, address)} if port is None else {port}
            for each in sorted(ports):
                self._members.remove(cluster, address, each)

    def has_test_bed(self, cluster: Cluster) -> bool:  # noqa: ARG002 (without requests nothing can be compared)
        return False

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        check_weights(weights)
        raise _no_test_bed(cluster)

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:  # noqa: ARG002 (of no group but the main one)
        return {group: int(group is Group.MAIN) for group in Group}

    def health_path(self, cluster: Cluster) -> str | None:  # noqa: ARG002 (nothing is requested)
        return None

    def drain_delays(self, cluster: Cluster) -> Mapping[Group, int]:  # noqa: ARG002 (there are no requests)
        return {}

    def check_failure(self, cluster: Cluster, address: str, group: Group) -> str:
        found = self._best_at(cluster, address) if group is Group.MAIN else None
        return found.why if found else ""

    def _best_at(self, cluster: Cluster, address: str) -> MemberHealth | None:
        """Return the health of the best member with this address, from the reports of such members' hosts alone."""
        members = self._members.at(cluster, address)
        if all(each.host for each in members):
            found = {each.host: self._fleet.report(cluster, each.host) for each in members}
            reports = {host: report for host, report in found.items() if report}
        else:
            reports = dict(self._fleet.reports(cluster))
        healths = [self._health(each, reports) for each in members]
        return min(healths, key=lambda each: each.state is not TargetState.HEALTHY) if healths else None

    def _health(self, member: Member, reports: Mapping[str, HostReport]) -> MemberHealth:
        report = reports.get(member.host) or reports.get(host_at(reports, member.address, member.port))
        return health_of(member, report, self._clock.now(), self._heartbeat_timeout)


def _no_test_bed(cluster: Cluster) -> Unknown:
    hint = "A cluster without a load balancer has no requests by which two hosts could be compared."
    return Unknown("test bed", hint=hint, of=str(cluster))
