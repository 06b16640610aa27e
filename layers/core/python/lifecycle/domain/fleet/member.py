"""Members: the hosts in rotation of a cluster without a load balancer, and what is known of each.

A member is meant to work. Whether it does is computed from its host's newest report (docs/adr/0024).
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


def problem_of(member: Member, report: HostReport | None, now: datetime, heartbeat_timeout: timedelta) -> str:
    """Return why a member does not work; empty if it does: its agent is heard, and its start has been tested."""
    if report is None or isinstance(report, UnreadableReport):
        return "no report of its host can be read"
    if (report.address, report.port) != (member.address, member.port):
        return f"its host now reports {report.address}:{report.port}"
    if since := report.unreachable_since(now, heartbeat_timeout):
        return f"its agent is unreachable since {since:%Y-%m-%d %H:%M:%S} UTC"
    if not report.running:
        return report.not_running
    return "" if report.has_passed(report.digest) else "its self-test has not passed since the service started"


def state_of_member(problem: str) -> TargetState:
    """Return a member's state as a load balancer would name it."""
    return TargetState.UNHEALTHY if problem else TargetState.HEALTHY
