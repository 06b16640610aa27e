"""The port to hosts: host commands, reports and quarantines."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn


class Fleet(Protocol):
    """Hosts: the turns given to them, the reports that they make, and versions and hosts known to be bad."""

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]: ...
    def report(self, cluster: Cluster, host: str) -> HostReport | None: ...
    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> None: ...
    def quarantine(self, cluster: Cluster, version: str, why: str) -> None: ...
    def quarantined(self, cluster: Cluster) -> Mapping[str, str]:
        """Bad version -> why."""
        ...

    def quarantine_host(self, cluster: Cluster, host: str, why: str) -> None: ...

    def quarantined_hosts(self, cluster: Cluster) -> Mapping[str, str]:
        """Bad host -> why."""
        ...

    def lift_quarantine(self, cluster: Cluster, name: str) -> None:
        """Of a version or of a host; nothing happens when there is none."""
        ...

    def remove(self, cluster: Cluster, host: str) -> None:
        """Forget a host: its report and its turn. One whose agent lives comes back with its next report."""
        ...
