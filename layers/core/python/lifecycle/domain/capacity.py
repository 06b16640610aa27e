"""Capacity: which hosts serve, which are where they should be, and which may be taken out.

Used by `plan` (before host 1), by `drain` (just before it) and by `next_step` (before saying DONE).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lifecycle.domain.amounts import at_least, at_most
from lifecycle.domain.deployment import Target
from lifecycle.domain.fleet import HostReport
from lifecycle.domain.manifest import Policy


class Group(StrEnum):
    """A cluster's target groups: the one that all its hosts serve in, and those of a test bed and its control."""

    MAIN = "main"
    TEST_BED = "test-bed"
    CONTROL = "control"


class TargetState(StrEnum):
    """A target's state as an ALB names it; ABSENT is one that is registered nowhere.

    ASIDE is one that is healthy, but in the target group of the test bed or of its control.
    """

    HEALTHY = "healthy"
    INITIAL = "initial"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"
    UNAVAILABLE = "unavailable"
    ABSENT = "absent"
    ASIDE = "aside"

    @property
    def in_rotation(self) -> bool:
        """Whether it is registered to get requests, now or as soon as it is healthy."""
        return self.serves or self in (self.INITIAL, self.UNHEALTHY, self.UNAVAILABLE)

    @property
    def serves(self) -> bool:
        """Whether it is healthy where it is registered, so that taking it out costs capacity."""
        return self in (self.HEALTHY, self.ASIDE)

    @property
    def told(self) -> str:
        """In words: a target is `... in the load balancer`."""
        return "set aside for a test bed" if self is self.ASIDE else str(self)


Rotation = Mapping[str, TargetState]


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that must keep serving: of `members`, all but `max_unavailable`, less those `given_up`.

    `given_up` are hosts that a human chose to leave out (SKIP_HOST, FORCE_NEXT) in this deployment; never fewer
    than `min_healthy`, whoever was given up.
    """

    members: frozenset[str]
    max_unavailable: int
    given_up: frozenset[str] = frozenset()
    min_healthy: int = 0

    @classmethod
    def of(cls, policy: Policy, members: frozenset[str], given_up: frozenset[str] = frozenset()) -> "Floor":
        """The floor that a policy sets for these hosts."""
        size = len(members)
        unavailable, healthy = at_most(policy.max_unavailable, size), at_least(policy.min_healthy, size)
        return cls(members, unavailable, given_up, healthy)

    @property
    def healthy_hosts(self) -> int:
        return max(0, len(self.members - self.given_up) - self.max_unavailable, self.min_healthy)


def state_of(rotation: Rotation, host: str) -> TargetState:
    """A host's state in the load balancer."""
    return rotation.get(host, TargetState.ABSENT)


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


def out_of_place(
    report: HostReport | None, state: TargetState, target: Target, group: Group = Group.MAIN
) -> str | None:
    """Why a host is not serving `target` as it should, or None when it is.

    It is in its place when it runs that version and those bytes, passed its self-test with them on this
    boot, and is healthy in the main target group, or in that of the test bed or its control.
    """
    if report is None:
        return "has no agent"
    if (report.installed, report.digest) != (target.version, target.digest):
        return f"has {report.installed or 'nothing'} installed"
    if not report.running:
        return "its service does not run"
    if not report.has_passed(target.digest):
        return "has not passed its self-test since the service started"
    if state is not (TargetState.HEALTHY if group is Group.MAIN else TargetState.ASIDE):
        return f"is {state.told} in the load balancer"
    return None
