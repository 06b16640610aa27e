"""Capacity: which hosts serve, which are where they should be, and which may be taken out.

Used by `plan` (before host 1), by `drain` (just before it) and by `next_step` (before saying DONE).
"""

from dataclasses import dataclass

from lifecycle.domain.fleet.target_group import Rotation, TargetState, state_of
from lifecycle.domain.service.host_count import at_least, at_most
from lifecycle.domain.service.policy import Policy


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that must keep serving: of `members`, all but `max_unavailable`, less those `given_up`.

    `given_up` are hosts that a human chose to leave out (SKIP_HOST, FORCE_NEXT) in this deployment; never fewer
    than `min_healthy`, whoever was given up.
    """

    members: frozenset[str]
    max_unavailable: int
    hosts_left_out: frozenset[str] = frozenset()
    min_healthy: int = 0

    @classmethod
    def of(
        cls, policy: Policy, members: frozenset[str], hosts_left_out: frozenset[str] = frozenset()
    ) -> "Floor":
        """The floor that a policy sets for these hosts."""
        size = len(members)
        unavailable, healthy = at_most(policy.max_unavailable, size), at_least(policy.min_healthy, size)
        return cls(members, unavailable, hosts_left_out, healthy)

    @property
    def healthy_hosts(self) -> int:
        return max(0, len(self.members - self.hosts_left_out) - self.max_unavailable, self.min_healthy)


def refuse_drain(host: str, rotation: Rotation, floor: Floor) -> str | None:
    """Why `host` may not be taken out of rotation, or None. A host that serves nothing may always be.

    One whose first health checks run may serve by the time when it is taken out.
    """
    if not (state_of(rotation, host).serves or state_of(rotation, host) is TargetState.INITIAL):
        return None
    others = [h for h in sorted(floor.members - {host}) if state_of(rotation, h).serves]
    if len(others) >= floor.healthy_hosts:
        return None
    down = [f"{h} is {state_of(rotation, h)}" for h in sorted(floor.members - {host}) if h not in others]
    return (
        f"draining {host} would leave {len(others)} healthy of {len(floor.members)} hosts, "
        f"at least {floor.healthy_hosts} must serve ({', '.join(down)})"
    )
