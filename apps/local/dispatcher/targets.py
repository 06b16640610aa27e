"""One target group's targets: registered, draining, leaving, and what a load balancer says of their health.

Pure: the balancer gives it the calls that the emulator accepted and what Envoy reports, and when. A target
passes SERVING → DRAINING → LEAVING → gone. One that is registered again before it is gone must first
leave Envoy and come back as a new host there, so that no older health check can speak for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

# Envoy's admin answers from its main thread; its worker takes the change a moment later. Two looks that far
# apart, with the same number of requests and none in flight, are needed before a host counts as drained.
SETTLE_SECONDS = 0.008


class Address(NamedTuple):
    """A target: an IP address and a port."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class HostView:
    """What Envoy says of one host: its counters and its flags."""

    active: int = 0
    total: int = 0
    failed: int = 0
    draining: bool = False
    pending_check: bool = False
    failed_check: bool = False
    check_timed_out: bool = False


View = Mapping[Address, HostView]


class Health(NamedTuple):
    """DescribeTargetHealth's answer for one target, in ELBv2's words."""

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
    """Where a target is on its way out."""

    SERVING = "SERVING"  # listed in Envoy; gets requests while healthy
    DRAINING = "DRAINING"  # listed as draining; gets no new request
    LEAVING = "LEAVING"  # listed no more; Envoy was not yet seen without it


@dataclass(slots=True)
class Target:
    """One target. `changed_at` is when Envoy's file last changed for it; infinite until it was written.

    `busy_until` bounds the requests that were in flight when it came back from draining: Envoy goes on serving
    them, but no longer counts them.
    """

    phase: Phase = Phase.SERVING
    returns: bool = False
    changed_at: float = float("inf")
    deadline: float = float("inf")
    busy: bool = True
    busy_until: float = float("-inf")
    quiet: tuple[float, int] | None = None


@dataclass(slots=True)
class Rotation:
    """The targets of one group."""

    targets: dict[Address, Target] = field(default_factory=dict)

    def register(self, address: Address) -> None:
        """Put a target into rotation; one that serves already is left as it is."""
        target = self.targets.setdefault(address, Target())
        if target.phase is Phase.DRAINING:
            if target.busy:
                target.busy_until = target.deadline
            self._leave(target)
        target.returns = target.phase is Phase.LEAVING

    def deregister(self, address: Address, deadline: float) -> None:
        """Let a target drain until nothing is in flight or `deadline` passed."""
        target = self.targets.get(address)
        if target is None:
            return
        still_busy = target.returns and target.busy_until > float("-inf")
        target.returns = False
        if target.phase is Phase.SERVING or still_busy:
            target.phase, target.deadline = Phase.DRAINING, deadline
            target.changed_at, target.quiet, target.busy = float("inf"), None, True

    def observe(self, view: View, looked_at: float) -> bool:
        """Go on with draining and leaving targets; `looked_at` is when the look at Envoy began.

        True when Envoy's file has to be written again.
        """
        changed = False
        for address, target in list(self.targets.items()):
            if target.phase is Phase.DRAINING and self._is_drained(target, view.get(address), looked_at):
                self._leave(target)
                changed = True
            elif target.phase is Phase.LEAVING and address not in view and looked_at > target.changed_at:
                changed |= target.returns
                self._leave_or_return(address, target)
        return changed

    def written(self, now: float) -> None:
        """Envoy's file now says what this rotation says."""
        for target in self.targets.values():
            target.changed_at = min(target.changed_at, now)

    def listed(self) -> list[tuple[Address, bool]]:
        """The targets in Envoy's file, and whether each drains."""
        return [
            (address, target.phase is Phase.DRAINING)
            for address, target in self.targets.items()
            if target.phase is not Phase.LEAVING
        ]

    def registered(self) -> list[Address]:
        """The targets that the API has registered: the ones that serve or will again."""
        return [
            address
            for address, target in self.targets.items()
            if target.phase is Phase.SERVING or target.returns
        ]

    def reported(self) -> list[Address]:
        """The targets that DescribeTargetHealth lists: the registered and the draining ones."""
        return [
            address
            for address, target in self.targets.items()
            if target.phase is not Phase.LEAVING or target.returns
        ]

    @property
    def unsettled(self) -> bool:
        """Whether a target is on its way out, so that Envoy has to be watched."""
        return any(target.phase is not Phase.SERVING for target in self.targets.values())

    def health(self, address: Address, view: View | None, looked_at: float, *, used: bool) -> Health:
        """What DescribeTargetHealth says; `view` is None while Envoy does not answer.

        A look at Envoy that began before the target's last change says nothing of it.
        """
        target = self.targets.get(address)
        if target is None or (target.phase is Phase.LEAVING and not target.returns):
            return NOT_REGISTERED
        if target.phase is Phase.DRAINING:
            return DEREGISTERING
        if not used:
            return NOT_IN_USE
        if target.phase is Phase.LEAVING or looked_at <= target.changed_at:
            return REGISTERING
        return UNKNOWN if view is None else _checked(view.get(address))

    @staticmethod
    def _leave(target: Target) -> None:
        target.phase, target.changed_at = Phase.LEAVING, float("inf")

    def _leave_or_return(self, address: Address, target: Target) -> None:
        if target.returns:
            self.targets[address] = Target(busy_until=target.busy_until)
        else:
            del self.targets[address]

    @staticmethod
    def _is_drained(target: Target, host: HostView | None, looked_at: float) -> bool:
        if looked_at >= target.deadline:
            return True
        target.busy = host is None or host.active > 0 or looked_at < target.busy_until
        if host is None or not host.draining or target.busy:
            target.quiet = None
            return False
        if target.quiet is None or target.quiet[1] != host.total:
            target.quiet = (looked_at, host.total)
        return looked_at - target.quiet[0] >= SETTLE_SECONDS


def _checked(host: HostView | None) -> Health:
    if host is None:
        return REGISTERING
    if host.pending_check:
        return CHECKING
    if host.failed_check:
        return TIMED_OUT if host.check_timed_out else FAILED
    return HEALTHY
