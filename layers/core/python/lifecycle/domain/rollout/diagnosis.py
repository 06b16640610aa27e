"""Diagnosis: find out whether a failure comes from the host or from the version.

The previous version is installed again on the host that failed, which stays out of rotation. If that fails
too, the host is to blame; if it passes, the version is. Used by `next_step` (whether to diagnose) and
`diagnose` (the result).
"""

from dataclasses import dataclass

from lifecycle.domain.errors import SIGNATURE
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.deployment import Deployment, Kind
from lifecycle.domain.service.target import Target

# States in which the host was drained, and the host itself failed: the previous version can be tried there.
_BEFORE_SELF_TEST = (AttemptState.DRAINED, AttemptState.INSTALLED)
_TRIED_ON_THE_HOST = (*_BEFORE_SELF_TEST, AttemptState.SELF_TESTED, AttemptState.REGISTERED)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The cause of a failure, and the sentence that explains it."""

    blame: Blame
    sentence: str


def can_be_diagnosed(deployment: Deployment, attempt: HostAttempt) -> bool:
    """Return whether trying the previous version on this host could find the cause.

    It could not if the host was never touched, is unreachable, or was diagnosed before. It is not tried in a
    rollback or a repair, nor on a control, whose own version was verified before.
    """
    return (
        deployment.request.kind is Kind.DEPLOY
        and deployment.previous is not None
        and attempt.state is AttemptState.FAILED
        and attempt.reached in _TRIED_ON_THE_HOST
        and not attempt.unreachable
        and attempt.blame is Blame.NONE
        and attempt.group is not Group.CONTROL
    )


def diagnosis(
    attempt: HostAttempt, turn: Turn, report: HostReport, passed_elsewhere: int, target: Target
) -> Diagnosis | None:
    """Return the diagnosis from the host's report on its RESTORE turn; None while that is under way.

    `passed_elsewhere` counts the other hosts on which the new version, `target`, is alive.
    """
    if not report.answers(turn) or report.order is not Order.RESTORE:
        return None
    if report.stage is AgentStage.FAILED:
        return _failed_too(turn, report, target.version)
    if report.stage is not AgentStage.DONE:
        return None
    if not report.has_passed(turn.digest) or report.config != turn.config:
        return Diagnosis(
            Blame.UNCLEAR,
            f"{report.host} reports that it restored {turn.target.in_words}, but not that its self-test passed",
        )
    others = f"; {_hosts(passed_elsewhere)} the new one" if passed_elsewhere else ""
    if attempt.reached not in _BEFORE_SELF_TEST:
        sentence = (
            f"{report.host} passes its self-test with {turn.target.in_words}, as it did with the new one{others}: "
            "what failed came after the self-test, and that was not tried again"
        )
        return Diagnosis(Blame.UNCLEAR, sentence)
    part = "version" if turn.version != target.version else "configuration"
    passes = f"{report.host} passes its self-test with {turn.target.in_words}{others}"
    return Diagnosis(Blame.VERSION, f"{passes}: the new {part} is to blame")


def _failed_too(turn: Turn, report: HostReport, target: str) -> Diagnosis:
    """Return the diagnosis of a failed RESTORE: the host, unless something else kept the version from starting.

    That is a process of another version, or a signature that the host refused.
    """
    if report.detail.startswith(SIGNATURE):
        unsigned = f"{turn.target.in_words} was not started on {report.host}: {report.detail[:300]}"
        return Diagnosis(Blame.UNCLEAR, unsigned)
    if not report.leftover:
        sentence = (
            f"{report.host} fails with {turn.target.in_words} too ({report.detail[:200]}): the host is to blame"
        )
        return Diagnosis(Blame.HOST, sentence)
    not_tried = f"{turn.target.in_words} was not started on {report.host}: {report.detail[:200]}"
    if report.leftover == target:
        return Diagnosis(Blame.VERSION, f"{not_tried}: the new version is to blame, which left that process")
    return Diagnosis(Blame.UNCLEAR, f"{not_tried}: an earlier version left that process")


def _hosts(count: int) -> str:
    return "1 other host passes with" if count == 1 else f"{count} other hosts pass with"
