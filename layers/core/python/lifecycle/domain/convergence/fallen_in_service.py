"""Hosts whose service ended while they served, in a cluster whose desired version is not known to be good.

Used by decide.py. An abort leaves each host with what it has, of one version or another. That is started again
where it ends, so that no host stays without a service until somebody deploys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Rotation, TargetState, state_of
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Fallen:
    """Hosts that had this version, and what is wrong with each."""

    target: Target
    hosts: Mapping[str, str]


def fallen_in_service(
    reports: Mapping[str, HostReport],
    rotation: Rotation,
    recent: Sequence[Deployment],
    bad_versions: Mapping[str, str],
    had: Mapping[str, Target],
    unrecorded: int = 0,
) -> Fallen | None:
    """Return the hosts of one version that passed its self-test, served, and ended; None if there are none.

    `had` is what the ledger knows that each had: a host may report any version, and one that says another is left
    alone. Those that a failed attempt left out of rotation are not in it, as nobody has decided on these. `recent`
    begins with the newest deployment. `unrecorded` is the epoch of a deployment whose record is gone or unreadable,
    though the desired version names it; 0 if there is none.
    """
    failed = _failed_repairs(recent, unrecorded)
    found = {}
    for host, report in sorted(reports.items()):
        state, target = state_of(rotation, host), failed.get(host)
        if target and report.has_passed(target.digest) and state.in_rotation:
            continue  # a later repair has brought it back; whether it is healthy is not decided here
        if target is None and has_ended(report, state):
            target = _as_both_say(report, had.get(host))
        if target and not target.quarantined_in(bad_versions) and (why := drift_reason(report, state, target)):
            found[host] = (target, why)
    first = next((target for target, _ in found.values()), None)
    return Fallen(first, {host: why for host, (each, why) in found.items() if each == first}) if first else None


def hosts_of_stopped_repairs(recent: Sequence[Deployment], reports: Mapping[str, HostReport]) -> set[str]:
    """Return the hosts whose last repair since the last deployment was aborted, and has not failed by itself.

    A service that ended after that served until then: such a repair had brought it back before it was stopped.
    """
    stopped, seen = set[str](), set[str]()
    for each in recent:
        if each.state.final and each.epoch:
            if each.request.kind is not Kind.CONVERGE:
                break
            new = set(each.request.only or reports) - seen
            passed = each.state is DeploymentState.DONE or each.is_failed_repair
            stopped |= set() if passed else {host for host in new if not _ended_since(each, reports.get(host))}
            seen |= new
    return stopped


def _as_both_say(report: HostReport, had: Target | None) -> Target | None:
    """Return what a host had by the ledger, if its report agrees; a record may be gone, and a report may lie."""
    same = had is not None and (report.installed, report.digest) == (had.version, had.digest)
    return had if same else None


def has_ended(report: HostReport, state: TargetState) -> bool:
    """Return whether a service served and ended. An older agent, which has no skew, does not say that it ended."""
    unsaid = report.skew is None and report.installed and not report.running and state.in_rotation
    return report.ended is not None or bool(unsaid)


def _ended_since(repair: Deployment, report: HostReport | None) -> bool:
    over = repair.finished_at
    return report is not None and report.ended is not None and over is not None and report.ended.at > over


def _failed_repairs(recent: Sequence[Deployment], unrecorded: int) -> dict[str, Target]:
    """Return what each host had whose last repair failed since the last deployment: it served before that repair."""
    last = max([unrecorded, *(each.epoch for each in recent if each.request.kind is not Kind.CONVERGE)])
    found: dict[str, Target] = {}
    settled: set[str] = set()
    for each in recent:
        if each.is_failed_repair and each.epoch > last and each.failed_host not in settled:
            found.setdefault(each.failed_host, each.target)
        elif each.state is DeploymentState.DONE:
            settled |= set(each.request.only)
    return found
