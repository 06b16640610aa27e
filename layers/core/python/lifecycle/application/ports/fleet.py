"""The port to hosts: host commands, reports and quarantines."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import RefusedTurn, Turn


class Fleet(Protocol):
    """Hosts: their commands (turns), their reports, and the quarantines of versions and hosts."""

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]: ...
    def report(self, cluster: Cluster, host: str) -> HostReport | None: ...
    def names(self, cluster: Cluster) -> Sequence[str]:
        """Return the hosts that report, without their reports."""

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
        """Delete a host's report and command; a host with a running agent comes back with its next report."""
