"""Hosts that fell: their service ended after they were alive under this deployment.

Used by `next_step`, which then asks about the host that fell, and not about the next one.
"""

from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.membership import members
from lifecycle.domain.rollout.steps import Facts
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.time_format import lasting


def fallen(facts: Facts, attempt: HostAttempt) -> HostReport | None:
    """Return the report of a host whose service ended after this attempt; None for any other host.

    A test bed that bakes has rules of its own, and a control runs the version from before. A host that lost its
    disk, or that is new under an old name, gets the version again without a question.
    """
    report = facts.reports.get(attempt.host)
    if attempt.state is not AttemptState.ALIVE or attempt.group is Group.CONTROL:
        return None
    if report is None or isinstance(report, UnreadableReport) or attempt.host not in members(facts):
        return None
    baking = any(bed.state is BedState.BAKING and bed.host == attempt.host for bed in facts.beds)
    mine = (report.epoch, report.attempt) == (attempt.epoch, attempt.number)
    installed = report.installed == facts.deployment.target.version
    return report if mine and installed and not report.running and not baking else None


def fall_reason(facts: Facts, attempt: HostAttempt, report: HostReport) -> str:
    """Return how and when the host fell."""
    version, end = facts.deployment.target.version, report.ended
    if end is None or attempt.finished_at is None:
        return f"{report.not_running} any more, after {attempt.host} was alive on {version}"
    seconds = max(0.0, (end.at - attempt.finished_at).total_seconds())
    return f"{end.in_words}, {lasting(seconds)} after {attempt.host} was alive on {version}"


def fall_blame(version: str, report: HostReport) -> tuple[Blame, str]:
    """Return what is to blame for the end of a service that was alive, and why."""
    end = report.ended
    if end and end.booted:
        return Blame.UNCLEAR, f"{report.host} booted while it ran {version}; the reason is not known"
    if end and end.how == "SIGKILL":
        why = "SIGKILL comes from the kernel when memory runs out, or from a person; see the host's own log"
        return Blame.VERSION, f"{version} passed its self-test on {report.host} and was killed later: {why}"
    return Blame.VERSION, f"{version} passed its self-test on {report.host}, and ended by itself later"
