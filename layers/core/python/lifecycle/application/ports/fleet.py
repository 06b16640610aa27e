"""The port to hosts: host commands, reports and quarantines."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from lifecycle.domain.fleet.bound_hosts import BoundHosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import RefusedTurn, Turn


class Fleet(Protocol):
    """Hosts: their commands (turns), their reports, and the quarantines of versions and hosts."""

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        """Return the reports of the cluster's hosts, each at its own address; never one of an unbound host."""

    def report(self, cluster: Cluster, host: str) -> HostReport | None:
        """Return the report of one host, also of one that is not bound, so that it can be removed."""

    def names(self, cluster: Cluster) -> Sequence[str]:
        """Return the hosts of `reports`, without their reports."""

    def bound(self, cluster: Cluster) -> BoundHosts: ...
    def bind(self, cluster: Cluster, places: Mapping[str, str]) -> None:
        """Bind hosts to addresses; the cluster is closed from then on. Others stay as they are."""

    def unbind(self, cluster: Cluster, host: str) -> None:
        """Forget a host's address; its report does not count any more. Does nothing if it has none."""

    def unbound(self, cluster: Cluster, bound: BoundHosts) -> Sequence[str]:
        """Return the first hosts that report and are not among those bound, of a closed cluster; at most 20."""

    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
        """Write each turn, unless its host holds one of a higher rank; returns those that were not written."""

    def turn_epochs(self, cluster: Cluster) -> Mapping[str, int]:
        """Return the epoch of each host's turn; raises SomeUnreadable, which has the others, if one is no epoch."""

    def quarantine(self, cluster: Cluster, version: str, why: str) -> None: ...
    def quarantined(self, cluster: Cluster) -> Mapping[str, str]:
        """Return quarantined version -> reason."""

    def quarantine_host(self, cluster: Cluster, host: str, why: str) -> None: ...

    def quarantined_hosts(self, cluster: Cluster) -> Mapping[str, str]:
        """Return quarantined host -> reason."""

    def lift_quarantine(self, cluster: Cluster, name: str) -> None:
        """Lift the quarantine of a version or a host; does nothing if there is none."""

    def remove(self, cluster: Cluster, host: str) -> None:
        """Delete a host's report, command and binding.

        Where the cluster is not closed, a host with a running agent comes back with its next report.
        """
