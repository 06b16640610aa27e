"""Capacity: the number of hosts that must serve, and the hosts that may be taken out.

Used by `plan` (before host 1), by `drain` (just before it) and by `next_step` (before DONE).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.domain.fleet.target_group import Rotation, TargetState, state_of
from lifecycle.domain.listing import listed
from lifecycle.domain.service.host_count import at_least, at_most
from lifecycle.domain.service.policy import Policy


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


def refuse_drain(host: str, rotation: Rotation, floor: Floor) -> str | None:
    """Return why `host` may not be taken out of rotation, or None. A host that serves nothing always may.

    A host in its first health checks may serve by the time it is taken out, so it counts as serving.
    """
    if not (state_of(rotation, host).serves or state_of(rotation, host) is TargetState.INITIAL):
        return None
    others = [h for h in floor.members if h != host and state_of(rotation, h).serves]
    if len(others) >= floor.healthy_hosts:
        return None
    down = [f"{h} is {state_of(rotation, h)}" for h in sorted(floor.members - {host} - set(others))]
    return (
        f"draining {host} would leave {len(others)} healthy of {len(floor.members)} hosts, "
        f"but at least {floor.healthy_hosts} must serve ({listed(down)})"
    )


def first_refusal(order: Sequence[str], rotation: Rotation, floor: Floor) -> str | None:
    """Return why the first refused drain would be refused, if each host of `order` serves again before the next."""
    serving = {host for host in floor.members if state_of(rotation, host).serves}
    for place, host in enumerate(order):
        may_serve = host in serving or state_of(rotation, host) is TargetState.INITIAL
        if may_serve and len(serving) - (host in serving) < floor.healthy_hosts:
            updated = dict.fromkeys(order[:place], TargetState.HEALTHY)
            return refuse_drain(host, {**rotation, **updated}, floor)
        serving.add(host)
    return None
