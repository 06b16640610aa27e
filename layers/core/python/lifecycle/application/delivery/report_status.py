"""Statuses for the forge: what became of a commit in its build, in staging and in production.

Called by functions/delivery/report_status, with the name of a run or of a deployment that has changed. The call is a
hint: each reads the records again (ADR 1), so that a repeated or late one sends what holds now. A forge that fails
is on record, and changes nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from lifecycle.application.context import Context
from lifecycle.application.delivery.services_of_run import clusters_of_run
from lifecycle.application.ports.forge import Forge
from lifecycle.application.readable import readable
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.delivery.forge_status import Wanted, of_deployment, of_run
from lifecycle.domain.delivery.reported_status import LIMIT, REFUSED, UNREACHABLE, ReportedStatus, ReportedStatuses
from lifecycle.domain.errors import DigestMismatch, ForgeFailed, Unknown, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster

# So often another call may interfere; the schedule sends what is left.
_ROUNDS = 3
# No call for so long after one that the forge did not answer: each event would wait for it.
_PAUSE = timedelta(minutes=1)
_PAUSED_BY = (UNREACHABLE, LIMIT)

Claims: TypeAlias = Callable[[], str]


class Outcome(StrEnum):
    """The result of one report."""

    SENT = "SENT"
    KNOWN = "KNOWN"  # the forge has it already
    NOT_REPORTED = "NOT_REPORTED"  # no repository of the forge, or no token for it
    PAUSED = "PAUSED"  # the forge failed a moment ago; the schedule sends it
    FAILED = "FAILED"
    DOWN = "DOWN"  # the forge did not answer
    REFUSED = "REFUSED"  # the forge will not accept this one later either
    CONTESTED = "CONTESTED"  # other calls interfered each time; the schedule sends it


_OUTCOMES = {REFUSED: Outcome.REFUSED, UNREACHABLE: Outcome.DOWN}


@dataclass(frozen=True, slots=True)
class Reported:
    """One run or deployment, and the result of its report."""

    subject: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Reporting:
    """The ports of a report. `claims` returns a name that no other call has.

    `page` is the address of the console, to which each status has a link; empty for none.
    """

    context: Context
    forge: Forge
    claims: Claims
    page: str = ""

    def report_run(self, run: str) -> Reported:
        """Report the state of a run."""
        return Reported(run, self._report(lambda: self._of_run(run)))

    def report_deployment(self, cluster: Cluster, deployment: str) -> Reported:
        """Report the state of a deployment."""
        return Reported(deployment, self._report(lambda: self._of_deployment(cluster, deployment)))

    def report_unsettled(self) -> list[Reported]:
        """Report whatever is not over, or was not sent.

        The rest of a repository waits after a failure, and everything if the forge is down.
        """
        found: list[Reported] = []
        records, _ = readable(self.context.catalogue.reported, ()) if self.forge.serves("") else ((), ())
        for record in records:
            found += self._unsettled_of(record)
            if found and found[-1].outcome is Outcome.DOWN:
                break
        return found

    def _unsettled_of(self, record: ReportedStatuses) -> list[Reported]:
        found: list[Reported] = []
        for each in record.unsettled(self.context.clock.now()):
            found.append(self._again(each))
            if found[-1].outcome in (Outcome.FAILED, Outcome.DOWN, Outcome.PAUSED):
                break
        return found

    def _again(self, status: ReportedStatus) -> Reported:
        if not status.cluster:
            return self.report_run(status.subject)
        return self.report_deployment(Cluster.parse(status.cluster), status.subject)

    def _of_run(self, run: str) -> Wanted | None:
        found = self.context.executions.earlier_run(run) if DeliveryName.parse(run) else None
        return of_run(run, found) if found else None

    def _of_deployment(self, cluster: Cluster, deployment: str) -> Wanted | None:
        try:
            found = self.context.deployments.get(cluster, deployment)
            if found is None:
                return None
            manifest = self.context.artifacts.manifest(cluster.service, found.target.version, found.target.manifest)
        except (DigestMismatch, Unknown, UnreadableRecord):  # it was deleted, replaced or damaged
            return None
        snapshots, _ = readable(lambda: self.context.catalogue.snapshots(cluster.service), {})
        facts = snapshots.get(manifest.snapshot or manifest.version, {})
        return of_deployment(found, manifest, facts.get("folder", ""))

    def _report(self, read: Callable[[], Wanted | None]) -> Outcome:
        if not self.forge.serves(""):
            return Outcome.NOT_REPORTED
        for number in range(_ROUNDS):
            wanted = self._linked(read())
            if wanted is None or not self.forge.serves(wanted.repository):
                return Outcome.NOT_REPORTED
            if outcome := self._send_once(wanted, again=number > 0):
                return outcome
        return Outcome.CONTESTED

    def _linked(self, wanted: Wanted | None) -> Wanted | None:
        if wanted is None or not self.page:
            return wanted
        deployment = replace(wanted.deployment, url=self.page) if wanted.deployment else None
        return replace(wanted, status=replace(wanted.status, url=self.page), deployment=deployment)

    def _send_once(self, wanted: Wanted, *, again: bool) -> Outcome | None:
        """Claim, send and confirm; None if another call has claimed the same meanwhile."""
        now, claim = self.context.clock.now(), self.claims()
        change, paused = self.context.catalogue.change_reported, False

        def claimed(before: ReportedStatuses) -> ReportedStatuses:
            nonlocal paused
            paused = before.paused(now)
            return before.claimed(wanted, claim, now, again=again)

        record = change(_key(wanted), claimed)
        mine = record.of(wanted)
        if mine is None or mine.claim != claim:
            return Outcome.KNOWN
        if paused:
            # Another call may have claimed it: then there is nothing to release.
            _ = change(_key(wanted), lambda before: before.released(wanted, claim))
            return Outcome.PAUSED
        try:
            self._send(wanted, record)
        except ForgeFailed as error:
            self._failed(wanted, claim, error)
            return _OUTCOMES.get(error.problem, Outcome.FAILED)
        return Outcome.SENT if self._confirmed(wanted, claim) else None

    def _confirmed(self, wanted: Wanted, claim: str) -> bool:
        """Record what was sent; returns False if another call has claimed the same meanwhile."""
        own = False

        def sent(before: ReportedStatuses) -> ReportedStatuses:
            nonlocal own
            mine = before.of(wanted)
            own = mine is not None and mine.claim == claim
            return before.sent(wanted, claim)

        _ = self.context.catalogue.change_reported(_key(wanted), sent)  # `own` says what it found
        return own

    def _send(self, wanted: Wanted, record: ReportedStatuses) -> None:
        mine = record.of(wanted)
        if record.shows(wanted):
            self.forge.set_status(wanted.repository, wanted.commit, wanted.status)
        if wanted.deployment is None:
            return
        number = mine.forge_id if mine else 0
        if not number:
            number = self.forge.create_deployment(wanted.repository, wanted.commit, wanted.deployment)
            made = number
            # Without its record, the next call creates another one.
            _ = self.context.catalogue.change_reported(_key(wanted), lambda before: before.created(wanted, made))
        self.forge.set_deployment_state(wanted.repository, number, wanted.deployment)

    def _failed(self, wanted: Wanted, claim: str, error: ForgeFailed) -> None:
        """Record the failure; the audit log gets it when the forge begins to fail in this way."""
        now, new = self.context.clock.now(), False
        asked = timedelta(seconds=error.pause_seconds)
        until = now + max(asked, _PAUSE) if error.problem in _PAUSED_BY else None

        def failed(before: ReportedStatuses) -> ReportedStatuses:
            nonlocal new
            new = before.problem != error.problem
            return before.failed(wanted, claim, error.problem, until)

        _ = self.context.catalogue.change_reported(_key(wanted), failed)  # `new` says what it found
        if not new:
            return
        what = f"no status was sent to {wanted.repository}; the delivery goes on"
        if wanted.cluster:
            self.context.record_action(Cluster.parse(wanted.cluster), wanted.subject, what, str(error))
            return
        for cluster in clusters_of_run(self.context.catalogue, wanted.subject, ""):  # its clone URL is not known here
            self.context.record_action(cluster, "", what, str(error))


def _key(wanted: Wanted) -> str:
    return wanted.repository.lower()
