"""The verdict of the environment that comes first: what staging says of the version that production wants.

Called by application/rollout/earlier_environment.py for `promote` and for the plan of a deployment. A record counts
only if it names the version or its snapshot, and has its digest: the same bytes with another manifest are
another version.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.listing import counted
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt, ReleaseRun
from lifecycle.domain.rollout.deployment import (
    NEVER,
    Deployment,
    DeploymentState,
    Kind,
    Override,
    Request,
    needs_reason,
    requested_at,
)
from lifecycle.domain.service.policy import After
from lifecycle.domain.time_format import moment

HOW_TO_OVERRIDE = "let it end DONE there first, or use --despite-staging with a --why"
_SHOWN = 400
_NEVER_BEGAN = (DeploymentState.QUEUED, DeploymentState.REFUSED, DeploymentState.SUPERSEDED)


class Outcome(StrEnum):
    """Outcomes of a version in the environment that comes first. Only SERVED lets the next environment take it."""

    SERVED = "SERVED"
    RUNNING = "RUNNING"  # its deployment has not ended
    HALTED = "HALTED"  # its deployment waits for a decision about a failure
    FAILED = "FAILED"  # its deployment ended, but the version did not serve on every host
    ROLLED_BACK = "ROLLED_BACK"
    QUARANTINED = "QUARANTINED"
    NEVER_RAN = "NEVER_RAN"
    NOT_KNOWN = "NOT_KNOWN"  # a record that could say more cannot be read

    @property
    def is_bad(self) -> bool:
        """Return whether the version failed there; a missing answer is no failure."""
        return self in (Outcome.HALTED, Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version as the environment before may know it: its names, which include its snapshot's, and its digest.

    `command` deploys it there.
    """

    names: frozenset[str]
    digest: str
    command: str = ""

    def is_of(self, deployment: Deployment) -> bool:
        """Return whether a deployment has brought, or brings, this version."""
        return deployment.target.version in self.names and deployment.target.digest == self.digest


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome in that environment, a sentence about it, and the deployment that it is from, if any.

    `blame` is of an attempt that failed. `after` is the policy of the environment that asks.
    """

    environment: str
    outcome: Outcome
    sentence: str
    deployment: str = ""
    at: datetime | None = None
    blame: Blame = Blame.NONE
    after: After = After.DEFAULT

    @property
    def blocks(self) -> bool:
        """Return whether the next environment must not take the version.

        A build from before this rule could not know it, so a missing answer does not block such a version.
        """
        return self.outcome.is_bad if self.after is After.OLDER_BUILD else self.outcome is not Outcome.SERVED


@dataclass(frozen=True, slots=True)
class Records:
    """The records of that environment, the newest deployment first.

    `complete` is False if older ones exist that were not read. `quarantined` has the reason for each version.
    """

    deployments: Sequence[Deployment]
    unreadable: Sequence[UnreadableRecord] = ()
    complete: bool = True
    quarantined: tuple[tuple[str, str], ...] = ()


def deciding(wanted: Wanted, deployments: Sequence[Deployment]) -> Deployment | None:
    """Return the newest deployment that says something of the version.

    A repair says nothing: convergence repairs with a verified version, and a host may fail for its own reasons.
    """
    newest_first = sorted(deployments, key=lambda each: (requested_at(each.id), each.id), reverse=True)
    return next((each for each in newest_first if wanted.is_of(each) and _began(each)), None)


def verdict(
    environment: str, wanted: Wanted, records: Records, attempts: Sequence[HostAttempt], after: After
) -> Verdict:
    """Return what an environment says of a version; `attempts` are those of the deciding deployment."""
    found = deciding(wanted, records.deployments)
    if why := next((why for name, why in records.quarantined if name in wanted.names), None):
        return Verdict(environment, Outcome.QUARANTINED, f"it is quarantined there: {why[:_SHOWN]}", after=after)
    if unread := _may_say_more(found, records.unreadable):
        names = ", ".join(unread[:3])
        sentence = f"not known: {len(unread)} of its records cannot be read ({names})"
        return Verdict(environment, Outcome.NOT_KNOWN, sentence, after=after)
    if found is None:
        if not records.complete:
            sentence = (
                f"not known: it is not among the newest {counted(len(records.deployments), 'deployment')} there"
            )
            return Verdict(environment, Outcome.NOT_KNOWN, sentence, after=after)
        return Verdict(environment, Outcome.NEVER_RAN, _never_ran(wanted, records.deployments), after=after)
    outcome, sentence = _of(found, _rollback_of(wanted, found, records.deployments), attempts)
    blame = next((each.blame for each in _failed(attempts) if each.blame), Blame.NONE)
    at = found.finished_at or found.started_at
    return Verdict(environment, outcome, sentence, found.id, at, blame, after)


def unexplained(request: Request, earlier: Verdict | None) -> list[str]:
    """Return what an override lacks: the command line asks for its reason, an execution started by hand does not."""
    overridden = Override.STAGING in request.overrides and earlier is not None and earlier.blocks
    return [needs_reason("--despite-staging")] if overridden and not request.reason.strip() else []


def _began(deployment: Deployment) -> bool:
    of_some_hosts = deployment.request.kind is Kind.CONVERGE or deployment.request.only
    return deployment.state not in _NEVER_BEGAN and not of_some_hosts


def _may_say_more(found: Deployment | None, unreadable: Collection[UnreadableRecord]) -> list[str]:
    """Return the records that cannot be read and may be newer than the deciding deployment."""
    since = requested_at(found.id) if found else NEVER
    return [each.name for each in unreadable if requested_at(each.name) == NEVER or requested_at(each.name) >= since]


def _never_ran(wanted: Wanted, deployments: Sequence[Deployment]) -> str:
    waits = next((each for each in deployments if wanted.is_of(each) and each.state in _NEVER_BEGAN), None)
    if waits is None:
        return f"it never ran there{f' (`{wanted.command}`)' if wanted.command else ''}"
    return f"it never ran there: {waits.id} is {waits.state}{f', {waits.reason[:_SHOWN]}' if waits.reason else ''}"


def _rollback_of(wanted: Wanted, found: Deployment, deployments: Sequence[Deployment]) -> Deployment | None:
    """Return the rollback that took the version away since the deciding deployment.

    It may name a later repair, or a deployment to some hosts: a rollback names what wrote the desired version last.
    """
    bringing = {
        each.id for each in deployments if wanted.is_of(each) and requested_at(each.id) >= requested_at(found.id)
    }
    rollbacks = (each for each in deployments if each.request.rollback_of in bringing and not wanted.is_of(each))
    return next((each for each in rollbacks if each.state not in _NEVER_BEGAN), None)


def _of(found: Deployment, undone: Deployment | None, attempts: Sequence[HostAttempt]) -> tuple[Outcome, str]:
    if undone or found.state is DeploymentState.ROLLED_BACK:
        why = (undone.request.reason if undone else "") or found.reason
        return Outcome.ROLLED_BACK, f"it was rolled back there{_by(undone)}: {_cause(found, attempts, why)}"
    if found.state is DeploymentState.DONE:
        return _done(found, attempts)
    if found.state is DeploymentState.HALTED:
        return Outcome.HALTED, f"{found.id} has halted there: {_cause(found, attempts, found.reason)}"
    if not found.state.final:
        return Outcome.RUNNING, f"{found.id} is {found.state} there, since {moment(found.started_at)} UTC"
    return Outcome.FAILED, f"{found.id} ended {found.state} there: {_cause(found, attempts, found.reason)}"


def _done(found: Deployment, attempts: Sequence[HostAttempt]) -> tuple[Outcome, str]:
    at = f"{moment(found.finished_at or found.started_at)} UTC"
    skipped = len(set(found.skipped_hosts))
    # A host that joined meanwhile is not in the plan's number: the replacement of the one that was skipped.
    alive = {each.host for each in attempts if each.state is AttemptState.ALIVE} - set(found.skipped_hosts)
    if found.host_count and skipped >= found.host_count and not alive:
        return Outcome.FAILED, f"{found.id} ended DONE there, but every host was skipped"
    left_out = f", without {skipped} skipped host{'s' if skipped > 1 else ''}" if skipped else ""
    return Outcome.SERVED, f"it was verified there at {at} by {found.id}{left_out}"


def _by(rollback: Deployment | None) -> str:
    return f" by {rollback.request.requested_by} at {moment(rollback.started_at)} UTC" if rollback else ""


def _failed(attempts: Sequence[HostAttempt]) -> list[HostAttempt]:
    """Return the failed updates of hosts; else the release command's failures, unless it has passed since."""
    failed = [each for each in attempts if each.state is AttemptState.FAILED]
    updates = [each for each in failed if not each.release]
    passed = any(each.release is ReleaseRun.PASSED for each in attempts)
    return updates or ([] if passed else failed)


def _cause(found: Deployment, attempts: Sequence[HostAttempt], otherwise: str) -> str:
    """Return the first failed attempt with the fault that its diagnosis found, else the record's own reason."""
    failed = _failed(attempts)
    if not failed:
        return (otherwise or str(found.state))[:_SHOWN]
    first = next((each for each in failed if each.blame is Blame.VERSION), failed[0])
    if first.release:
        return f"on {first.host}, {first.reason[:_SHOWN]}"
    blame = f", {first.blame} to blame" if first.blame else ""
    return f"{first.host} failed{blame}: {first.reason[:_SHOWN]}"
