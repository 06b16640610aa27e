"""Hosts in memory."""

from collections.abc import Mapping, Sequence

from lifecycle.domain.fleet.bound_hosts import OPEN, BoundHosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import RefusedTurn, Turn
from lifecycle.domain.fleet.places import in_own_places
from tests.fakes.keys import required


class MemoryFleet:
    """Reports, turns and quarantines. An agent calls `write_report` and `turn`."""

    def __init__(self) -> None:
        self._reports: dict[Cluster, dict[str, HostReport]] = {}
        self._bound: dict[Cluster, BoundHosts] = {}
        self._turns: dict[Cluster, dict[str, Turn]] = {}
        self._bad: dict[Cluster, dict[str, str]] = {}
        self._bad_hosts: dict[Cluster, dict[str, str]] = {}

    def _all(self, cluster: Cluster) -> Mapping[str, HostReport]:
        """Return every report that was written, also by those who are no host."""
        return self._reports.get(cluster, {})

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        found = self._all(cluster)
        return in_own_places(self.bound(cluster).trusted({host: found[host] for host in sorted(found)}))

    def report(self, cluster: Cluster, host: str) -> HostReport | None:
        found = self._all(cluster).get(host)
        return self.bound(cluster).checked(found) if found else None

    def names(self, cluster: Cluster) -> Sequence[str]:
        return sorted(self.bound(cluster).trusted(self._all(cluster)))

    def bound(self, cluster: Cluster) -> BoundHosts:
        return self._bound.get(cluster, OPEN)

    def bind(self, cluster: Cluster, places: Mapping[str, str]) -> None:
        self._bound[cluster] = self.bound(cluster).with_hosts(places)

    def unbound(self, cluster: Cluster, bound: BoundHosts) -> Sequence[str]:
        strange = [host for host in sorted(self._all(cluster)) if host not in bound.places]
        return strange[:20] if bound.closed else []

    def write_report(self, cluster: Cluster, report: HostReport) -> None:
        self._reports.setdefault(cluster, {})[report.host] = report

    def turn(self, cluster: Cluster, host: str) -> Turn | None:
        return self._turns.get(cluster, {}).get(host)

    def turns(self, cluster: Cluster) -> Mapping[str, Turn]:
        return self._turns.get(cluster, {})

    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
        given, refused = self._turns.setdefault(cluster, {}), []
        for turn in turns:
            held = given.get(required(turn.host))
            if held is None or turn.progress_rank >= held.progress_rank:
                given[turn.host] = turn
            else:
                refused.append(RefusedTurn(turn, held))
        return refused

    def turn_epochs(self, cluster: Cluster) -> Mapping[str, int]:
        return {host: turn.epoch for host, turn in self.turns(cluster).items()}

    def quarantine(self, cluster: Cluster, version: str, why: str) -> None:
        self._bad.setdefault(cluster, {})[version] = why

    def quarantined(self, cluster: Cluster) -> Mapping[str, str]:
        return dict(self._bad.get(cluster, {}))

    def quarantine_host(self, cluster: Cluster, host: str, why: str) -> None:
        self._bad_hosts.setdefault(cluster, {})[host] = why

    def quarantined_hosts(self, cluster: Cluster) -> Mapping[str, str]:
        return dict(self._bad_hosts.get(cluster, {}))

    def lift_quarantine(self, cluster: Cluster, name: str) -> None:
        self._bad.get(cluster, {}).pop(name, None)
        self._bad_hosts.get(cluster, {}).pop(name, None)

    def remove(self, cluster: Cluster, host: str) -> None:
        self._turns.get(cluster, {}).pop(host, None)
        self._reports.get(cluster, {}).pop(host, None)
        self.unbind(cluster, host)

    def unbind(self, cluster: Cluster, host: str) -> None:
        if cluster in self._bound:
            self._bound[cluster] = self._bound[cluster].without(host)
