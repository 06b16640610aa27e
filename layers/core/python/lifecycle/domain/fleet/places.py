"""Places: the address and port where a host's service gets requests. Two hosts cannot have the same one at a time.

Used by the gateways of the port Fleet, so that no decision drains, registers or checks one host in another's place.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from lifecycle.domain.fleet.host import HostReport, UnreadableReport

# An agent that runs reports again within this time. No machine that follows a terminated one boots as quickly.
_NEXT_REPORT = timedelta(seconds=30)


def in_own_places(reports: Mapping[str, HostReport]) -> dict[str, HostReport]:
    """Return the reports by host; one with the place of another host is replaced by one that says so.

    The place belongs to the host whose service passed its self-test there. Where there are none or several, it
    belongs to no host. A machine may get the address of one that was terminated before, as its times show.
    """
    at_place = defaultdict(list)
    for each in reports.values():
        if each.port:  # a service without HTTP may have none
            at_place[each.address, each.port].append(each)
    found = dict(reports)
    for hosts in at_place.values():
        for each in hosts:
            if rival := next((other for other in hosts if _at_once(each, other) and not _owns(each, other)), None):
                found[each.host] = _in_place_of(each, rival)
    return found


def _at_once(one: HostReport, other: HostReport) -> bool:
    """Return whether both agents ran at one time, or may have: the earlier one's next report may be due."""
    started, seen = max(one.agent_started_at, other.agent_started_at), min(one.seen_at, other.seen_at)
    return one.host != other.host and started - seen <= _NEXT_REPORT


def _owns(one: HostReport, other: HostReport) -> bool:
    return one.has_passed(one.digest) and not other.has_passed(other.digest)


def _in_place_of(each: HostReport, rival: HostReport) -> UnreadableReport:
    why = f"{each.host} reports {each.address}:{each.port}, which {rival.host} reports too"
    how = f"give each host its own in the settings of its agent, or remove {rival.host} if it is gone"
    return UnreadableReport.of(each.host, f"{why}: {how}")
