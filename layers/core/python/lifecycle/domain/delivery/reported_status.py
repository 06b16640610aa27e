"""The record of what a forge was sent about a repository, so that its last word is the right one.

Calls of functions/delivery/report_status may run at the same time, twice, or in another order than the changes that
they are about. Each reads the run or the deployment again, claims it here, sends, and then confirms. If another call
has claimed it meanwhile, nobody knows which of the two the forge heard last, so it is sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.domain.delivery.forge_status import Wanted

# The subjects of one repository that are remembered, the newest; a subject is followed for minutes or days.
MOST = 40
# After so many failures the schedule tries no more: about a day.
MOST_TRIES = 100
# The problem of a status that the forge will not accept later either, such as one of a commit that is gone.
REFUSED = "refused"
# Problems after which the forge is left alone for a while.
UNREACHABLE, LIMIT = "unreachable", "limit"
# A call ends within a minute (the timeout of its function). After that, its claim belongs to nobody.
CLAIM_LASTS = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class ReportedStatus:
    """The part of the record about one run or one deployment.

    `said` is the status, and `deployed` the state of the deployment with the number `forge_id`; both are empty until
    the forge has accepted them. `claim` names the call that is sending. Until `contested_until`, another call may be
    sending, too. `showing` says that one of them may send the commit's status. `tries` counts the failures since the
    last success.
    """

    commit: str
    context: str
    subject: str
    rank: str
    cluster: str = ""
    said: str = ""
    deployed: str = ""
    forge_id: int = 0
    over: bool = False
    begun: bool = True
    claim: str = ""
    claimed_at: datetime | None = None
    showing: bool = False
    contested_until: datetime | None = None
    tries: int = 0

    def is_beside(self, wanted: Wanted) -> bool:
        """Return whether this is another subject with the same context of the same commit."""
        same = (self.commit, self.context) == (wanted.commit, wanted.status.context)
        return same and self.subject != wanted.subject

    @property
    def settled(self) -> bool:
        """True if nothing is left to send."""
        complete = self.over and bool(self.said) and not self.claim and self.contested_until is None
        return complete or self.tries >= MOST_TRIES


@dataclass(frozen=True, slots=True)
class ReportedStatuses:
    """The newest subjects of a repository, the last one changed last.

    `problem` is why the forge was not sent the last one, as a word; empty while it accepts. Nothing is sent before
    `paused_until`.
    """

    repository: str
    latest: tuple[ReportedStatus, ...] = ()
    problem: str = ""
    paused_until: datetime | None = None

    def of(self, wanted: Wanted) -> ReportedStatus | None:
        """Return the record of the subject."""
        return next((each for each in self.latest if each.subject == wanted.subject), None)

    def paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until

    def shows(self, wanted: Wanted) -> bool:
        """Return whether the commit's status is this subject's: of those that have begun, it is the newest.

        A deployment that has not begun does not hide what became of another one of the same commit.
        """
        begun = [each.rank for each in self.latest if each.begun and each.is_beside(wanted)]
        return all(rank < wanted.rank for rank in begun) if wanted.begun else not begun

    def claimed(self, wanted: Wanted, claim: str, now: datetime, *, again: bool = False) -> "ReportedStatuses":
        """Return the record in which the call `claim` sends this; the same record if there is nothing to send."""
        mine = self.of(wanted) or _new(wanted)
        sent = (mine.said, mine.deployed) == self.words_of(wanted)
        over = mine.contested_until is not None and now >= mine.contested_until
        if not again and sent and not mine.claim and not over:
            return self
        other = mine.claim not in ("", claim)
        return self._with(
            replace(
                mine,
                claim=claim,
                claimed_at=now,
                showing=self.shows(wanted) or mine.showing,
                contested_until=now + CLAIM_LASTS if other else None if over else mine.contested_until,
                over=wanted.over,
                begun=wanted.begun or (mine.begun and bool(self.of(wanted))),
            )
        )

    def words_of(self, wanted: Wanted) -> tuple[str, str]:
        """Return what `said` and `deployed` are after everything was sent."""
        return wanted.status.words, wanted.deployment.words if wanted.deployment else ""

    def created(self, wanted: Wanted, forge_id: int) -> "ReportedStatuses":
        """Return the record with the number of a new deployment of the forge; the first number stays."""
        mine = self.of(wanted)
        return self if mine is None or mine.forge_id else self._with(replace(mine, forge_id=forge_id))

    def sent(self, wanted: Wanted, claim: str) -> "ReportedStatuses":
        """Return the record after the forge has accepted everything; unconfirmed if another call has claimed."""
        accepted = replace(self, problem="", paused_until=None)
        mine = self.of(wanted)
        if mine is None or mine.claim != claim:
            return accepted
        said, deployed = self.words_of(wanted)
        alone = mine.contested_until is None
        done = replace(mine, said=said, deployed=deployed, claim="", showing=mine.showing and not alone, tries=0)
        return accepted._with(done)._after(wanted, showed=mine.showing)  # noqa: SLF001

    def failed(self, wanted: Wanted, claim: str, problem: str, until: datetime | None) -> "ReportedStatuses":
        """Return the record after the forge has not accepted something, or has accepted it without an answer.

        So nobody knows what it shows now, also where another call has claimed and confirmed meanwhile.
        """
        mine = self.of(wanted)
        found = replace(self, problem=problem, paused_until=until)
        if mine is None:
            return found
        alone = mine.contested_until is None
        ended = replace(mine, claim="", showing=mine.showing and not alone) if mine.claim == claim else mine
        tries = MOST_TRIES if problem == REFUSED else mine.tries + 1
        return found._with(replace(ended, said="", tries=tries))._after(wanted, showed=True)  # noqa: SLF001

    def _after(self, wanted: Wanted, *, showed: bool) -> "ReportedStatuses":
        """Return the record after a call that may have sent the status of the commit.

        If another subject has the context meanwhile, that one is sent again. Its status may have arrived before.
        """
        if not showed or self.shows(wanted):
            return self
        again = (replace(each, said="") if each.is_beside(wanted) else each for each in self.latest)
        return replace(self, latest=tuple(again))

    def released(self, wanted: Wanted, claim: str) -> "ReportedStatuses":
        """Return the record after a call sent nothing. It is sent later, as `said` is not what is wanted."""
        mine = self.of(wanted)
        if mine is None or mine.claim != claim:
            return self
        return self._with(replace(mine, said="", claim=""))

    def unsettled(self, now: datetime) -> Sequence[ReportedStatus]:
        """Return the subjects that are looked at again: they are not over, or something was not sent."""
        return [each for each in self.latest if not each.settled and not _is_sending(each, now)]

    def _with(self, status: ReportedStatus) -> "ReportedStatuses":
        others = tuple(each for each in self.latest if each.subject != status.subject)
        return replace(self, latest=(*others, status)[-MOST:])


def _new(wanted: Wanted) -> ReportedStatus:
    return ReportedStatus(wanted.commit, wanted.status.context, wanted.subject, wanted.rank, wanted.cluster)


def _is_sending(status: ReportedStatus, now: datetime) -> bool:
    return bool(status.claim) and status.claimed_at is not None and now - status.claimed_at < CLAIM_LASTS
