"""The run of a release command on the first host of a deployment, before any host is changed.

Called by functions/rollout/release_command. The attempt is on record before; this records its end. It counts as not
known to have run until the host reports its end.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from textwrap import shorten

from lifecycle.application.rollout import host_commands
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT, Outcome, Running, stage, wait_until
from lifecycle.application.rollout.stages import REASON
from lifecycle.domain.fleet.host import NOT_KNOWN, AgentStage, HostReport, UnreadableReport
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.liveness import Heard
from lifecycle.domain.rollout.attempt import AttemptState, ReleaseRun
from lifecycle.domain.rollout.release import too_old

# Beside the time of the command: for the fetch of the version, and until the host reports the end.
_ALLOWANCE = timedelta(minutes=10)


@stage(needs=AttemptState.STARTED, reaches=AttemptState.RELEASED)
def run_release_command(running: Running) -> Outcome:
    """Run the release command, or look whether it has ended; records PASSED or FAILED. Safe to repeat.

    RUNNING means that it goes on: a command may last longer than one call.
    """
    if not running.attempt.release:
        return Outcome("SKIPPED", f"attempt {running.task.attempt} of {running.host} runs no release command")
    if (known := running.first) is not None and not (known.runs_releases or isinstance(known, UnreadableReport)):
        return _failed(running, f"the release command failed: it did not begin: {too_old(running.host)}")
    began = running.attempt.started_at
    running.record("release command", running.target.in_words)
    turn = host_commands.release(running.deployment, running.host, running.task.attempt, began, _now(running))
    if refused := host_commands.give_turns(running.context, running.deployment, [turn]):
        return running.fenced() or _failed(running, refused.reason)
    ended = _await_end(running, turn)
    if ended is not None:
        return ended
    if _now(running) < began + timedelta(seconds=running.deployment.release_seconds) + _ALLOWANCE:
        return Outcome("RUNNING", f"the release command runs on {running.host}")
    return running.fail(f"{NOT_KNOWN}: {running.host} has not reported its end")


def _now(running: Running) -> datetime:
    return running.context.clock.now()


def _await_end(running: Running, turn: Turn) -> Outcome | None:
    heard = Heard()

    def poll() -> Outcome | None:
        report = running.report()
        if report is None:
            return running.fail(f"{NOT_KNOWN}: {running.host} has no agent any more")
        if isinstance(report, UnreadableReport):
            return running.fail(f"{NOT_KNOWN}: {report.why}", unreachable=True)
        if found := _ended(running, turn, report):
            return found
        if since := heard.silent_since(report, _now(running), running.context.heartbeat_timeout):
            why = f"the agent of {running.host} is unreachable since {since:%Y-%m-%d %H:%M:%S} UTC"
            return running.fail(f"{NOT_KNOWN}: {why}", report.log_tail, unreachable=True)
        return None

    return wait_until(running, LONGEST_WAIT.total_seconds(), poll)


def _ended(running: Running, turn: Turn, report: HostReport) -> Outcome | None:
    """Return the outcome that the host reports; None while it has not acted on the command, or runs it."""
    if fenced := report.fences(turn):
        return running.fenced() or running.fail(f"{NOT_KNOWN}: {fenced}")
    if not report.answers(turn) or report.order is not Order.RELEASE:
        return None
    if report.stage is AgentStage.RELEASED:
        passed = replace(running, attempt=replace(running.attempt, release=ReleaseRun.PASSED))
        running.record("release command passed")
        return passed.advance(AttemptState.RELEASED)
    if report.stage is not AgentStage.FAILED:
        return None
    evidence = f"{report.detail}\n{report.log_tail}".strip()
    reason = shorten(report.detail, REASON, placeholder=" …")
    return running.fail(reason, evidence) if report.release_not_known else _failed(running, reason, evidence)


def _failed(running: Running, reason: str, evidence: str = "") -> Outcome:
    """Close the run as one that ended without success, or that never began."""
    known = replace(running, attempt=replace(running.attempt, release=ReleaseRun.FAILED))
    return known.fail(reason, evidence)
