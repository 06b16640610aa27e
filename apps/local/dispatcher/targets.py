"""One target group's targets: registration, draining and health as a load balancer reports them. Pure.

balancer.py passes in the accepted calls, Envoy's reports and the times. A target goes from SERVING to DRAINING to
LEAVING, and is then removed. A target that is registered again before that must first leave Envoy, and return there
as a new host. So no older health check counts for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

# Envoy's admin interface answers from the main thread; the worker applies a change a moment later. A host counts as
# drained after two observations that far apart with the same number of requests and none in flight.
SETTLE_SECONDS = 0.008


class Address(NamedTuple):
    """A target: an IP address and a port."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class HostView:
    """Envoy's report on one host: its counters and its flags."""

    active: int = 0
    total: int = 0
    failed: int = 0
    draining: bool = False
    pending_check: bool = False
    failed_check: bool = False
    check_timed_out: bool = False


View = Mapping[Address, HostView]


class Health(NamedTuple):
    """DescribeTargetHealth's answer for one target, in ELBv2's terms."""

    state: str
    reason: str = ""
    description: str = ""


HEALTHY = Health("healthy")
NOT_REGISTERED = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = Health(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)
REGISTERING = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
DEREGISTERING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
FAILED = Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
TIMED_OUT = Health("unhealthy", "Target.Timeout", "Request timed out")
UNKNOWN = Health("unhealthy", "Elb.InternalError", "The load balancer does not answer")


class Phase(StrEnum):
    """A target's phase between registration and removal."""

    SERVING = "SERVING"  # listed in Envoy; gets requests while healthy
    DRAINING = "DRAINING"  # listed as draining; gets no new request
    LEAVING = "LEAVING"  # no longer listed; Envoy has not yet confirmed it


@dataclass(slots=True)
class Target:
    """One target. `changed_at` is the time of its last change in Envoy's file, infinite until that is written.

    `returns` is True if it was registered again while it was leaving. `busy_until` is the latest end of the requests
    that were in flight then: Envoy still serves them, but no longer counts them. `was_healthy` is True after it
    passed its checks since it was registered.
    """

    phase: Phase = Phase.SERVING
    returns: bool = False
    changed_at: float = float("inf")
    deadline: float = float("inf")
    busy: bool = True
    busy_until: float = float("-inf")
    quiet: tuple[float, int] | None = None
    was_healthy: bool = False


@dataclass(slots=True)
class Rotation:
    """The targets of one group."""

    targets: dict[Address, Target] = field(default_factory=dict)

    def register(self, address: Address) -> None:
        """Put a target into rotation; a serving target stays as it is."""
        target = self.targets.setdefault(address, Target())
        if target.phase is Phase.DRAINING:
            if target.busy:
                target.busy_until = target.deadline
            self._leave(target)
        target.returns = target.phase is Phase.LEAVING

    def deregister(self, address: Address, deadline: float) -> None:
        """Drain a target until no request is in flight or `deadline` has passed."""
        target = self.targets.get(address)
        if target is None:
            return
        still_busy = target.returns and target.busy_until > float("-inf")
        target.returns = False
        if target.phase is Phase.SERVING or still_busy:
            target.phase, target.deadline = Phase.DRAINING, deadline
            target.changed_at, target.quiet, target.busy = float("inf"), None, True

    def advance(self, view: View, observed_at: float) -> bool:
        """Advance the draining and leaving targets; `observed_at` is the time before the request to Envoy.

        Return True if Envoy's file must be written again.
        """
        changed = False
        for address, target in list(self.targets.items()):
            if target.phase is Phase.DRAINING and self._is_drained(target, view.get(address), observed_at):
                self._leave(target)
                changed = True
            elif target.phase is Phase.LEAVING and address not in view and observed_at > target.changed_at:
                changed |= target.returns
                self._leave_or_return(address, target)
        return changed

    def written(self, now: float) -> None:
        """Record that Envoy's file now matches this rotation."""
        for target in self.targets.values():
            target.changed_at = min(target.changed_at, now)

    def listed(self) -> list[tuple[Address, bool]]:
        """Return the targets of Envoy's file; the flag of a target is True if it drains."""
        return [
            (address, target.phase is Phase.DRAINING)
            for address, target in self.targets.items()
            if target.phase is not Phase.LEAVING
        ]

    def registered(self) -> list[Address]:
        """Return the targets that are registered by the API: they serve, or will serve again."""
        return [
            address for address, target in self.targets.items() if target.phase is Phase.SERVING or target.returns
        ]

    def reported(self) -> list[Address]:
        """Return the targets that DescribeTargetHealth lists: the registered and the draining ones."""
        return [
            address for address, target in self.targets.items() if target.phase is not Phase.LEAVING or target.returns
        ]

    @property
    def has_transitions(self) -> bool:
        """Return True if a target is draining or leaving, so that Envoy must be watched."""
        return any(target.phase is not Phase.SERVING for target in self.targets.values())

    def health(self, address: Address, view: View | None, observed_at: float, *, used: bool) -> Health:
        """Return a target's health for DescribeTargetHealth; `view` is None while Envoy does not answer.

        An observation from before the target's last change does not count.
        """
        target = self.targets.get(address)
        if target is None or (target.phase is Phase.LEAVING and not target.returns):
            return NOT_REGISTERED
        if target.phase is Phase.DRAINING:
            return DEREGISTERING
        if not used:
            return NOT_IN_USE
        if target.phase is Phase.LEAVING or observed_at <= target.changed_at:
            return REGISTERING
        return UNKNOWN if view is None else _checked(view.get(address))

    def failing_open(self, view: View, observed_at: float) -> frozenset[Address]:
        """Return the targets that get requests although they fail their checks: an ALB fails open too.

        There are some only while no target is healthy. Unlike on an ALB, a target that was never healthy is none of
        them, because a new version gets no request before it is alive.
        """
        serving = {address: each for address, each in self.targets.items() if each.phase is Phase.SERVING}
        health = {address: self.health(address, view, observed_at, used=True) for address in serving}
        for address, found in health.items():
            serving[address].was_healthy |= found == HEALTHY
        if HEALTHY in health.values():
            return frozenset()
        failing = {address for address, found in health.items() if found.state == FAILED.state}
        return frozenset(address for address in failing if serving[address].was_healthy)

    @staticmethod
    def _leave(target: Target) -> None:
        target.phase, target.changed_at = Phase.LEAVING, float("inf")

    def _leave_or_return(self, address: Address, target: Target) -> None:
        if target.returns:
            self.targets[address] = Target(busy_until=target.busy_until)
        else:
            del self.targets[address]

    @staticmethod
    def _is_drained(target: Target, host: HostView | None, observed_at: float) -> bool:
        if observed_at >= target.deadline:
            return True
        target.busy = host is None or host.active > 0 or observed_at < target.busy_until
        if host is None or not host.draining or target.busy:
            target.quiet = None
            return False
        if target.quiet is None or target.quiet[1] != host.total:
            target.quiet = (observed_at, host.total)
        return observed_at - target.quiet[0] >= SETTLE_SECONDS


def _checked(host: HostView | None) -> Health:
    if host is None:
        return REGISTERING
    if host.pending_check:
        return CHECKING
    if host.failed_check:
        return TIMED_OUT if host.check_timed_out else FAILED
    return HEALTHY
