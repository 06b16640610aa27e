"""Strays: targets in the load balancer whose address and port no host of the cluster reports.

They get requests, and Lifecycle has tested nothing there. Convergence and the plan take them out
(application/rollout/strays.py), unless the reports may be what is missing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.listing import listed


@dataclass(frozen=True, slots=True, order=True)
class RegisteredTarget:
    """One target of one target group; `state` is its state there."""

    address: str
    port: int
    group: Group
    state: TargetState

    @property
    def key(self) -> tuple[str, int, Group]:
        return self.address, self.port, self.group

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Strays:
    """The strays of a cluster; `held` says why they must stay for now, or is empty."""

    targets: tuple[RegisteredTarget, ...] = ()
    held: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Their addresses and ports, each once."""
        return tuple(dict.fromkeys(map(str, self.targets)))

    @property
    def in_words(self) -> str:
        """The subject of a sentence about them."""
        return f"{listed(self.names)} {'is a target' if len(self.names) == 1 else 'are targets'} of no known host"


# The state of an address with several targets is the first of these.
_PREFERRED = tuple(TargetState)


def states_in(targets: Iterable[RegisteredTarget], group: Group) -> dict[str, TargetState]:
    """Return the state of each address in a group.

    A host that has changed its port may have two targets for a while: the one that serves counts.
    """
    states: dict[str, TargetState] = {}
    for each in targets:
        if each.group is group:
            states[each.address] = min(states.get(each.address, each.state), each.state, key=_PREFERRED.index)
    return states


NO_STRAYS = Strays()
NOBODY: Mapping[str, str] = MappingProxyType({})


def strays_of(
    reports: Mapping[str, HostReport],
    targets: Collection[RegisteredTarget],
    set_back: str = "",
    bound: Mapping[str, str] = NOBODY,
) -> Strays:
    """Compare the targets with the hosts; `set_back` says why the ledger may lack hosts, or is empty.

    A host is its address and port: one that reports others is a new host, and its old target a stray. A target that
    is draining has left already. The address of a `bound` host without a report that can be read stays its own.
    """
    known = {(report.address, report.port) for report in reports.values()}
    registered = [each for each in targets if each.state not in (TargetState.DRAINING, TargetState.ABSENT)]
    unreadable = [each for each in reports.values() if isinstance(each, UnreadableReport)]
    someones = {each.contested for each in unreadable} | {each.bound for each in unreadable}
    someones |= {address for host, address in bound.items() if host not in reports}
    found = tuple(sorted(e for e in registered if (e.address, e.port) not in known and e.address not in someones))
    return Strays(found, _why_held(reports, registered, found, set_back) if found else "")


def _why_held(
    reports: Mapping[str, HostReport],
    registered: Sequence[RegisteredTarget],
    strays: Sequence[RegisteredTarget],
    set_back: str,
) -> str:
    """Return why a report may be missing rather than a target be too many; empty if the strays may be taken out.

    At least as many targets of known hosts must get requests. A host that moved explains one more stray, as long as
    one host serves where it reports to be.
    """
    unknown = [
        each for each in reports.values() if isinstance(each, UnreadableReport) and not (each.contested or each.bound)
    ]
    if unreadable := sorted(each.host for each in unknown):
        return f"the report of {listed(unreadable)} cannot be read, and the target may be that host's"
    if not reports:
        return "no host reports: the ledger may have lost the reports"
    if set_back:
        return set_back
    healthy = [each for each in registered if each.state is TargetState.HEALTHY]
    serving = {(each.address, each.port) for each in healthy or registered}  # without a healthy one, all get requests
    strange = serving & {(each.address, each.port) for each in strays}
    own = serving - strange
    places = {(each.address, each.port) for each in registered}
    moved = sum((each.address, each.port) not in places for each in reports.values())
    if not strange or len(strange) <= len(own) + (moved if own else 0):
        return ""
    return f"{len(strange)} such targets get requests, and only {len(own)} of known hosts: reports may be missing"
