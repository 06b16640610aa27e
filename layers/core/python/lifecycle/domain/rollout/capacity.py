"""Capacity: the number of hosts that must serve, and the hosts that may be taken out.

Used by `plan` (before host 1), by `drain` (just before it) and by `next_step` (before DONE).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lifecycle.domain.fleet.host import HostReport, readable
from lifecycle.domain.fleet.target_group import Rotation, TargetState, state_of
from lifecycle.domain.listing import counted, listed
from lifecycle.domain.service.host_count import at_least, at_most
from lifecycle.domain.service.policy import Policy

# It may serve by the time that it is taken out: it is in its first checks, or nobody knows its state.
_MAY_SERVE = (TargetState.INITIAL, TargetState.UNKNOWN)
# Registered in the main group, and failing the checks.
_DOWN = (TargetState.UNHEALTHY, TargetState.UNAVAILABLE)
_REGISTERED = (TargetState.INITIAL, *_DOWN)


@dataclass(frozen=True, slots=True)
class Floor:
    """The number of hosts that must serve: all `members` but `max_unavailable`, less the `hosts_left_out`.

    `hosts_left_out` are hosts that a human left out of this deployment (SKIP_HOST, FORCE_NEXT). The floor is
    never below `min_healthy`, however many hosts were left out.
    """

    members: frozenset[str]
    max_unavailable: int
    hosts_left_out: frozenset[str] = frozenset()
    min_healthy: int = 0

    @classmethod
    def of(cls, policy: Policy, members: frozenset[str], hosts_left_out: frozenset[str] = frozenset()) -> "Floor":
        """Return the floor that a policy sets for these hosts."""
        size = len(members)
        unavailable, healthy = at_most(policy.max_unavailable, size), at_least(policy.min_healthy, size)
        return cls(members, unavailable, hosts_left_out, healthy)

    @property
    def healthy_hosts(self) -> int:
        return max(0, len(self.members - self.hosts_left_out) - self.max_unavailable, self.min_healthy)


def without_dead(rotation: Rotation, reports: Mapping[str, HostReport], unreachable: Collection[str]) -> Rotation:
    """Return the rotation in which a host is not working that serves nobody, as its agent and its checks say.

    The load balancer may send requests there while no host is healthy, but nothing answers them. An
    `unreachable` host that fails its checks, too, may be a machine that is gone.
    """
    dead = {host for host, report in reports.items() if readable(report) and not report.running} | set(unreachable)
    return {
        host: TargetState.NOT_WORKING if state in _DOWN and host in dead else state
        for host, state in rotation.items()
    }


def fails_open(rotation: Rotation) -> bool:
    """Return whether no host is healthy: the load balancer then sends requests to all its targets."""
    return not any(state.serves for state in rotation.values())


def gets_requests(rotation: Rotation, host: str) -> bool:
    """Return whether a host gets requests: it is healthy, or it is registered and no host is healthy."""
    state = state_of(rotation, host)
    return state.serves or (state in _REGISTERED and fails_open(rotation))


def refuse_drain(host: str, rotation: Rotation, floor: Floor) -> str | None:
    """Return why `host` may not be taken out of rotation, or None. A host that gets no requests always may.

    A host in its first health checks may serve by the time it is taken out, so it counts as serving. So does one of
    unknown health. While no host is healthy, the unhealthy ones get the requests, so they count too.
    """
    if not (gets_requests(rotation, host) or state_of(rotation, host) in _MAY_SERVE):
        return None
    others = [h for h in floor.members if h != host and gets_requests(rotation, h)]
    if len(others) >= floor.healthy_hosts:
        return None
    down = [f"{h} is {state_of(rotation, h)}" for h in sorted(floor.members - {host} - set(others))]
    left = "serving, all unhealthy," if fails_open(rotation) else "healthy"
    return (
        f"draining {host} would leave {len(others)} {left} of {counted(len(floor.members), 'host')}, "
        f"but at least {floor.healthy_hosts} must serve ({listed(down)})"
    )


def first_refusal(order: Sequence[str], rotation: Rotation, floor: Floor) -> str | None:
    """Return why the first refused drain would be refused, if each host of `order` serves again before the next."""
    serving = {host for host in floor.members if gets_requests(rotation, host)}
    for place, host in enumerate(order):
        if place == 1 and fails_open(rotation):  # the first host is healthy then, and the others get no requests
            serving = {host for host in serving if state_of(rotation, host).serves} | {order[0]}
        may_serve = host in serving or state_of(rotation, host) in _MAY_SERVE
        if may_serve and len(serving) - (host in serving) < floor.healthy_hosts:
            updated = dict.fromkeys(order[:place], TargetState.HEALTHY)
            return refuse_drain(host, {**rotation, **updated}, floor)
        serving.add(host)
    return None
