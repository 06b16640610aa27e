"""Places: the addresses where services get requests. Two hosts of a cluster cannot have the same one at a time.

Used by the gateways of the port Fleet, so that no decision drains, registers or checks one host in another's place.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from lifecycle.domain.fleet.host import HostReport, UnreadableReport

# An agent that runs reports again within this time. No machine that follows a terminated one boots as quickly.
_NEXT_REPORT = timedelta(seconds=30)


def in_own_places(reports: Mapping[str, HostReport]) -> dict[str, HostReport]:
    """Return the reports by host; one with the address of another host is replaced by one that says so.

    The address belongs to the host whose service passed its self-test there, else to the one that has a version.
    Where no host or several have the best claim, it belongs to none. A machine may get the address of one that was
    terminated before, as its times show.
    """
    at_address = defaultdict(list)
    for each in reports.values():
        if each.address:
            at_address[each.address].append(each)
    found = dict(reports)
    for hosts in at_address.values():
        for each in hosts if len(hosts) > 1 else ():
            if rival := next((other for other in hosts if _at_once(each, other) and not _owns(each, other)), None):
                found[each.host] = _in_place_of(each, rival)
    return found


def _at_once(one: HostReport, other: HostReport) -> bool:
    """Return whether both agents ran at one time, or may have: the earlier one's next report may be due."""
    # An older agent dates its start by its host's own clock, which may be ahead.
    started = max(min(each.agent_started_at, each.seen_at) for each in (one, other))
    return one.host != other.host and started - min(one.seen_at, other.seen_at) <= _NEXT_REPORT


def _owns(one: HostReport, other: HostReport) -> bool:
    if one.boot and one.boot == other.boot:  # one service: its agent was started again under another name
        return one.seen_at > other.seen_at
    return _claim(one) > _claim(other)


def _claim(report: HostReport) -> int:
    """Return how good a host's claim to its address is; an ended service has passed its self-test there."""
    return 2 if report.ended or report.has_passed(report.digest) else int(bool(report.installed))


def _in_place_of(each: HostReport, rival: HostReport) -> UnreadableReport:
    why = f"{each.host} reports the address {each.address}, which {rival.host} reports too"
    how = "give each host its own in the settings of its agent, or remove the host that is gone"
    return UnreadableReport.of(each.host, f"{why}: {how}", each.address)
