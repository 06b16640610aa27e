"""Bound hosts: the hosts of a cluster and their addresses, as known without what hosts report of themselves.

Written when a host joins: by convergence from EC2 and Auto Scaling, by `lifecycle local add`, or by an operator
(`lifecycle bind-host`). Read by the gateways of the port Fleet, so no decision sees an address that is not bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.host import HostReport, UnreadableReport

MOST_HOSTS = 5_000
_LARGEST = 350_000  # bytes; an item of the ledger has at most 400 KB


@dataclass(frozen=True, slots=True)
class BoundHosts:
    """The hosts of a cluster, each with its address; `changes` counts the writes of the record.

    A cluster whose hosts were never bound is not `closed`: each report makes a host, at the address that it names.
    """

    changes: int = 0
    closed: bool = False
    places: Mapping[str, str] = field(default_factory=dict)

    def with_hosts(self, changed: Mapping[str, str]) -> "BoundHosts":
        """Return the record with these hosts at these addresses; the same if nothing changes. Raises InvalidValue."""
        places = {**self.places, **changed}
        if len(places) > MOST_HOSTS or sum(len(host) + len(each) + 8 for host, each in places.items()) > _LARGEST:
            allowed = f"at most {MOST_HOSTS} hosts, and fewer with long names: they are one record"
            raise InvalidValue("list of bound hosts", f"{len(places)} hosts", allowed)
        return self if self.closed and places == self.places else self._written(places)

    def without(self, host: str) -> "BoundHosts":
        """Return the record without a host; the same where it has none of that name."""
        left = {name: address for name, address in self.places.items() if name != host}
        return self if host not in self.places else self._written(left)

    def _written(self, places: Mapping[str, str]) -> "BoundHosts":
        return BoundHosts(self.changes + 1, closed=True, places=dict(sorted(places.items())))

    def trusted(self, reports: Mapping[str, HostReport]) -> dict[str, HostReport]:
        """Return the reports of the cluster's hosts. A report of no bound host is none of them, whatever it says."""
        return {host: self.checked(each) for host, each in reports.items() if not self.closed or host in self.places}

    def checked(self, report: HostReport) -> HostReport:
        """Return a report, or one that says why it is not believed: it names another address than the bound one."""
        host, bound = report.host, self.places.get(report.host, "")
        if not self.closed or (bound and report.address == bound):
            return report
        if not bound:
            how = "bind it with `lifecycle bind-host`, or delete its report with `lifecycle remove-host`"
            return UnreadableReport.of(host, f"{host} reports, but is no bound host of this cluster: {how}")
        if isinstance(report, UnreadableReport):
            return replace(report, bound=bound)
        found = f"{host} reports the address {report.address or 'none'}, but is bound to {bound}"
        how = "a machine with another address is a new host, which `lifecycle bind-host` makes known"
        return UnreadableReport.of(host, f"{found}: {how}", bound=bound)


@dataclass(frozen=True, slots=True)
class UnreadableBoundHosts(BoundHosts):
    """A record that cannot be read: no report is believed, because nobody knows whose each address is."""

    why: str = ""

    def trusted(self, reports: Mapping[str, HostReport]) -> dict[str, HostReport]:
        return {host: self.checked(each) for host, each in reports.items()}

    def checked(self, report: HostReport) -> HostReport:
        return UnreadableReport.of(report.host, self.why)


OPEN = BoundHosts()
