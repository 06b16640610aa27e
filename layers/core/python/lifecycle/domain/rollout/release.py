"""The release command: run once by a deployment, on its first host, before any host is changed.

Used by next_step.py. A run is an attempt of that host with `release`, so it is on record before the command begins
and after it has ended. Where no record says how it ended, nobody knows whether it ran, and a human is asked.
Rollbacks and repairs run none: a migration must suit both versions.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil

from lifecycle.domain.fleet.host import NOT_KNOWN
from lifecycle.domain.rollout.attempt import (
    NO_RELEASE,
    AttemptState,
    HostAttempt,
    ReleaseNote,
    ReleaseRun,
    UnreadableAttempt,
)
from lifecycle.domain.rollout.decision import Choice, answers_on, asked_before
from lifecycle.domain.rollout.deployment import Deployment, Kind, Request
from lifecycle.domain.rollout.steps import AwaitDecision, Facts, RunReleaseCommand, Step, UpdateHosts
from lifecycle.domain.service.manifest import Manifest, ReleaseCommand

# Seconds that one call waits for the end of the command. Lambda ends a function a little later.
LOOK_SECONDS = 840


def release_of(request: Request, manifest: Manifest) -> ReleaseCommand | None:
    """Return the release command that this deployment runs, or None."""
    return manifest.release if request.kind is Kind.DEPLOY and not request.only else None


def planned_release(request: Request, manifest: Manifest) -> ReleaseNote:
    """Return what the record of the deployment says of its release command before it runs."""
    found = release_of(request, manifest)
    return ReleaseNote(found.command, found.timeout_seconds) if found else NO_RELEASE


def too_old(host: str) -> str:
    """Return why a host cannot run a release command, whose agent knows none."""
    return f"the agent of {host} is older and knows no release command: update it"


def begun(facts: Facts, attempt: HostAttempt) -> ReleaseNote:
    """Return what the record says of the release command once this run of it has begun."""
    number = len(_runs(facts)) + 1
    note = replace(facts.deployment.release, run=attempt.release, runs=number, ended_at=None)
    return replace(note, host=attempt.host, attempt=attempt.number, began_at=attempt.started_at)


def with_noted_run(attempts: tuple[HostAttempt, ...], deployment: Deployment) -> tuple[HostAttempt, ...]:
    """Return the attempts, and the newest run of the release command if its own record was deleted or damaged.

    Without it the command would run again.
    """
    note = deployment.release
    last = next((each for each in attempts if (each.host, each.number) == (note.host, note.attempt)), None)
    if note.began_at is None or (last is not None and not isinstance(last, UnreadableAttempt)):
        return attempts
    passed = note.run is ReleaseRun.PASSED
    lost = HostAttempt(
        deployment=deployment.id,
        host=note.host,
        number=note.attempt,
        epoch=0,
        execution="",
        started_at=note.began_at,
        state=AttemptState.RELEASED if passed else AttemptState.FAILED,
        reason="" if passed else f"{NOT_KNOWN}: {last.reason if last else 'the record of its run is gone'}",
        finished_at=note.ended_at or note.began_at,
        release=ReleaseRun.PASSED if passed else ReleaseRun.NOT_KNOWN,
    )
    return (*(each for each in attempts if each is not last), lost)


def _runs(facts: Facts) -> list[HostAttempt]:
    """Return the runs of the release command, the oldest first."""
    return sorted((each for each in facts.attempts if each.release), key=lambda each: (each.started_at, each.number))


def noted(facts: Facts, step: Step, now: datetime) -> ReleaseNote:
    """Return what the record says of the release command, once this step is decided."""
    note, runs = facts.deployment.release, _runs(facts)
    if not runs:
        return note
    last = runs[-1]
    asked = isinstance(step, AwaitDecision) and (step.host, step.attempt) == (last.host, last.number)
    return replace(
        note,
        run=last.release,
        host=last.host,
        attempt=last.number,
        runs=len(runs),
        began_at=last.started_at,
        ended_at=last.finished_at or (now if asked else None),
        counted=any(each.release is not ReleaseRun.PASSED and is_released(facts, each) for each in runs),
    )


def is_released(facts: Facts, attempt: HostAttempt) -> bool:
    """Return whether this attempt has run the release command, as its record or a human says."""
    passed = attempt.release is ReleaseRun.PASSED
    return passed or (bool(attempt.release) and Choice.GO_ON in answers_on(facts.questions, attempt))


def may_begin_late(facts: Facts, step: Step) -> list[HostAttempt]:
    """Return the runs that another command must replace before this step: the next run, or the first update.

    No host has reported their end, so that an agent which comes back may begin them.
    """
    unknown = [each for each in _runs(facts) if each.release is ReleaseRun.NOT_KNOWN]
    if isinstance(step, RunReleaseCommand) and not step.again:
        return [each for each in unknown if each.host != step.host]  # its own is replaced by the next run
    return unknown if isinstance(step, UpdateHosts) and all(each.release for each in facts.attempts) else []


def release_step(facts: Facts, waiting: Sequence[tuple[str, int]]) -> RunReleaseCommand | None:
    """Return the run that the deployment still needs, on the first of the `waiting` hosts; None if it needs none."""
    mine = facts.deployment
    if not mine.release_seconds or not waiting:
        return None
    if any(is_released(facts, each) for each in facts.attempts):
        return None
    host, number = waiting[0]
    return RunReleaseCommand(host, number, f"the release command runs on {host}; no host was changed")


def unfinished_step(facts: Facts, attempt: HostAttempt, now: datetime) -> RunReleaseCommand | AwaitDecision | None:
    """Return the step for a run that was handed out: the same again, or a question; None once it is settled."""
    if is_released(facts, attempt) or answers_on(facts.questions, attempt):
        return None
    if not attempt.state.ended and _may_run(facts, attempt):
        return RunReleaseCommand(
            attempt.host, attempt.number, f"the release command runs on {attempt.host}", again=True
        )
    again = asked_before(facts.questions, attempt, now)
    may_have_run = attempt.release is ReleaseRun.NOT_KNOWN
    offered = (Choice.RETRY, *((Choice.GO_ON,) if may_have_run else ()), Choice.ABORT)
    return AwaitDecision(attempt.host, attempt.number, again, offered, reason_of(attempt))


def reason_of(attempt: HostAttempt) -> str:
    """Return why a run ended without success."""
    return attempt.reason if attempt.state.ended else f"{NOT_KNOWN}: no call has recorded its end on {attempt.host}"


def _may_run(facts: Facts, attempt: HostAttempt) -> bool:
    """Return whether this execution may look again: a command may last longer than one call.

    Two calls of one pass may have handed the run out to two hosts. The answer of one of them was lost, and nobody
    knows of which, so that neither is begun again.
    """
    if any(each.visit == attempt.visit and each.host != attempt.host for each in _runs(facts)):
        return False
    looks = ceil(facts.deployment.release_seconds / LOOK_SECONDS) + 1
    return attempt.execution == facts.execution and 0 <= facts.round - attempt.round < looks


def release_effects(offered: Sequence[Choice], version: str) -> dict[Choice, str]:
    """Return the effect of each choice about a run of this version's command."""
    texts = {
        Choice.RETRY: f"run the release command of {version} again; no host is changed before it has passed",
        Choice.GO_ON: f"do not run it again: count it as run, and update the hosts to {version}",
        Choice.ABORT: "stop here: no host was changed, and what the command did stays",
    }
    return {choice: texts[choice] for choice in offered}
