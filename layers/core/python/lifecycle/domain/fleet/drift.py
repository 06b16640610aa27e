"""Drift: the difference between a host and the version that its cluster should run.

Used by `plan` (before host 1), by `next_step` (before DONE) and by `converge`.
"""

from collections.abc import Mapping

from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import Group, Rotation, TargetState, state_of
from lifecycle.domain.service.target import Target


def drift_reason(  # noqa: PLR0911 (one for each reason)
    report: HostReport | None, state: TargetState, target: Target, group: Group = Group.MAIN
) -> str | None:
    """Return why a host does not serve `target` as it should, after the host's name; None if it does.

    A host without drift runs that version and those bytes, and passed its self-test with them on this boot.
    It is also healthy in the main target group, or in that of the test bed or its control.
    """
    if report is None:
        return "has no agent"
    if isinstance(report, UnreadableReport):
        return "has a report that cannot be read"
    if (report.installed, report.digest) != (target.version, target.digest):
        return f"has {report.installed or 'nothing'} installed"
    if not report.running:
        return f"runs nothing: {report.not_running}"
    if report.config != target.config:
        return f"runs with config {report.config or 'none'}, not with {target.config or 'none'}"
    if not report.has_passed(target.digest):
        return "has not passed its self-test since the service started"
    if report.moves_to:
        return f"serves at {report.address}:{report.port}, and its agent is set to {report.moves_to}"
    if state is not (TargetState.HEALTHY if group is Group.MAIN else TargetState.TEST_GROUP):
        return f"is {state.in_words}"
    return None


def in_first_checks(reports: Mapping[str, HostReport], rotation: Rotation, target: Target) -> dict[str, str]:
    """Return the hosts that lack only the end of their first health checks, with the words for people."""
    return {
        host: f"{host} is in its first health checks"
        for host, report in reports.items()
        if state_of(rotation, host) is TargetState.INITIAL
        and drift_reason(report, TargetState.HEALTHY, target) is None
    }
