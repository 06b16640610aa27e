"""The agent's one decision: given its turn and what it did before, what may it do now?

Called by agent.py at each look at the ledger. Pure: the clock comes in as an argument, nothing is touched.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from lifecycle.domain.fleet.host import HostReport, SelfTest, Stage
from lifecycle.domain.fleet.host_command import Order, Turn

MAXIMUM_TRIES = 3
"""How often one INSTALL is begun before the agent gives up on it (it crashed each time before)."""

IN_PROGRESS = frozenset({Stage.FETCHING, Stage.INSTALLING, Stage.STARTING, Stage.SELF_TESTING})
_INSTALL_ORDERS = (Order.INSTALL, Order.RESTORE)


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """The last turn that was acted on, and how it ended; on the disk before any effect of it."""

    epoch: int = 0
    attempt: int = 0
    order: Order = Order.IDLE
    deployment: str = ""
    version: str = ""
    digest: str = ""
    tries: int = 0
    stage: Stage = Stage.IDLE
    failed_stage: Stage | None = None
    detail: str = ""
    log_tail: str = ""

    @property
    def unfinished(self) -> bool:
        return self.stage in IN_PROGRESS

    def is_for(self, turn: Turn) -> bool:
        return key(self) == key(turn)


def key(of: Turn | TurnRecord) -> tuple[int, int, int]:
    """Turns of one host are ordered by epoch, then attempt, then order: stand by, install, restore."""
    return (of.epoch, of.attempt, of.order.place)


@dataclass(frozen=True, slots=True)
class State:
    """What the agent remembers over its own restarts.

    `verified` is the last version that passed its self-test here and `previous` the one before it: both are
    kept on the disk, so that a rollback needs no store.
    """

    acted: TurnRecord = field(default_factory=TurnRecord)
    self_test: SelfTest | None = None
    verified: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is asked of this host; look again at leisure."""

    reason: str


@dataclass(frozen=True, slots=True)
class Prefetched:
    """The version is on the disk; `soon` means that the order to install comes any moment: look again quickly."""

    reason: str
    soon: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bring the turn's version onto the disk; touch nothing that runs."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True)
class Install:
    """Stop the service, switch to the turn's version, start it, self-test it; from the start if resumed."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Report the unfinished turn as failed, leaving everything as it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """There is a turn, but it must not be acted on."""

    reason: str


Decision: TypeAlias = Idle | Prefetched | Fetch | Install | Abandon | Ignore


def decide(turn: Turn | None, state: State, host: str, now: datetime) -> Decision:
    """Choose what `host` does under `turn`.

    Only Fetch and Install have effects, and only Install on what runs. Neither is chosen for a turn of
    another host, older than the last acted on, already ended, or expired.
    """
    acted = state.acted
    if turn and (why := _reason_to_ignore(turn, acted, host)):
        return Ignore(why)
    if turn is None or turn.order is Order.IDLE:
        return Abandon("its turn was withdrawn") if acted.unfinished else Idle("no turn asks for anything")
    return _decide_repeated(turn, acted, now) if acted.is_for(turn) else _decide_new(turn, now)


def _reason_to_ignore(turn: Turn, acted: TurnRecord, host: str) -> str | None:
    """Why a turn is not this host's to look at further, if so."""
    if turn.host != host:
        return f"the turn is for {turn.host}, this host is {host}"
    if turn.issued_at.tzinfo is None or turn.expires_at.tzinfo is None:
        return f"turn {turn.epoch}.{turn.attempt} has times without a zone; it has to be written anew"
    if turn.epoch < acted.epoch:
        return f"epoch {turn.epoch} was overtaken: this host acted under epoch {acted.epoch}"
    if turn.order is not Order.IDLE and key(turn) < key(acted):
        return f"attempt {turn.attempt} to {turn.order} was overtaken by {acted.attempt} to {acted.order}"
    return None


def _decide_new(turn: Turn, now: datetime) -> Decision:
    """A turn that was not acted on before."""
    if now >= turn.expires_at:
        return Ignore(f"the turn expired at {turn.expires_at:%H:%M:%S} before it was begun")
    return _begin(turn, f"turn {turn.epoch}.{turn.attempt} of {turn.deployment}")


def _decide_repeated(turn: Turn, acted: TurnRecord, now: datetime) -> Decision:
    """The very turn that was acted on last: stand by, resume, or leave it."""
    if acted.unfinished:
        return _resume(turn, acted, now)
    if (turn.version, turn.digest) != (acted.version, acted.digest):
        return Ignore(
            f"turn {turn.epoch}.{turn.attempt} ended with {acted.version}, it now names {turn.version}"
        )
    if acted.stage is Stage.READY and now < turn.expires_at:
        return Prefetched(f"{turn.version} is on the disk", soon=turn.attempt > 0)
    return Ignore(f"turn {turn.epoch}.{turn.attempt} ended: {acted.stage}")


def _resume(turn: Turn, acted: TurnRecord, now: datetime) -> Decision:
    if (turn.version, turn.digest) != (acted.version, acted.digest):
        return Abandon(f"its turn now names {turn.version}, it was begun with {acted.version}")
    if now >= turn.expires_at:
        return Abandon(f"the turn expired at {turn.expires_at:%H:%M:%S} before it was done")
    if turn.order in _INSTALL_ORDERS and acted.tries >= MAXIMUM_TRIES:
        return Abandon(f"it was begun {acted.tries} times, and the agent did not survive it")
    return _begin(turn, f"turn {turn.epoch}.{turn.attempt} is done again: it stopped at {acted.stage}")


def _begin(turn: Turn, reason: str) -> Decision:
    return Install(turn, reason) if turn.order in _INSTALL_ORDERS else Fetch(turn, reason)


def state_from_report(report: HostReport | None) -> State:
    """The state of an agent that lost its disk, from its last report: enough to never act on an old turn.

    An install that was under way counts as failed; a version that stood by is fetched again.
    """
    if report is None or report.epoch == 0:
        return State()
    acted = TurnRecord(epoch=report.epoch, attempt=report.attempt, deployment=report.deployment)
    if report.stage in (Stage.IDLE, Stage.FETCHING, Stage.READY):
        return State(acted=acted)
    lost = report.stage in IN_PROGRESS
    return State(
        acted=replace(
            acted,
            order=report.order if report.order in _INSTALL_ORDERS else Order.INSTALL,
            stage=Stage.FAILED if lost else report.stage,
            failed_stage=report.stage if lost else report.failed_stage,
            detail="the agent lost its folder in the middle of this turn" if lost else report.detail,
            log_tail=report.log_tail,
        )
    )
