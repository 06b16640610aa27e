"""Members: the hosts in rotation of a cluster without a load balancer, and what is known of each.

A member is meant to work. Whether it does is computed from its host's newest report (docs/adr/0023).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import TargetState


@dataclass(frozen=True, slots=True)
class Member:
    """One host in rotation, by its address and port; `host` is its name, empty where none reported at that time."""

    address: str
    port: int
    host: str = ""


def host_at(reports: Mapping[str, HostReport], address: str, port: int) -> str:
    """Return the host that reports this address and port; empty if none does."""
    return next((host for host, each in sorted(reports.items()) if (each.address, each.port) == (address, port)), "")


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """A member's state as a load balancer would name it, and why it is not healthy; empty if it is."""

    state: TargetState
    why: str = ""


def health_of(member: Member, report: HostReport | None, now: datetime, heartbeat_timeout: timedelta) -> MemberHealth:
    """Return a member's health: it works while its agent is reachable, and a start runs whose self-test passed.

    A member with an unreachable agent may work, so its health is UNKNOWN: it counts neither as serving nor as spare.
    """
    if report is None or isinstance(report, UnreadableReport):
        return MemberHealth(TargetState.UNKNOWN, "no report of its host can be read")
    if (report.address, report.port) != (member.address, member.port):
        moved = f"its host now reports {report.address}:{report.port}"
        return MemberHealth(TargetState.NOT_WORKING, moved)
    if since := report.unreachable_since(now, heartbeat_timeout):
        silent = f"its agent is unreachable since {since:%Y-%m-%d %H:%M:%S} UTC"
        return MemberHealth(TargetState.UNKNOWN, silent)
    if not report.running:
        return MemberHealth(TargetState.NOT_WORKING, report.not_running)
    if not report.has_passed(report.digest):
        return MemberHealth(TargetState.NOT_WORKING, "its self-test has not passed since the service started")
    return MemberHealth(TargetState.HEALTHY)
