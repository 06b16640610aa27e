"""The agent's one decision: from its turn and its own record, choose what it may do now.

Called by agent.py at each poll of the ledger. Pure: the time is an argument, and nothing is read or written.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from lifecycle.domain.fleet.epoch import Epoch
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.service.target import Target

MAXIMUM_TRIES = 3
"""The most times that the agent begins one INSTALL. It reaches this number only when it crashed each time before."""

IN_PROGRESS = frozenset(
    {
        AgentStage.FETCHING,
        AgentStage.RELEASING,
        AgentStage.INSTALLING,
        AgentStage.STARTING,
        AgentStage.SELF_TESTING,
    }
)
INSTALL_ORDERS = (Order.INSTALL, Order.RESTORE)


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """The last turn that the agent acted on, and its result. It is on the disk before the turn has any effect.

    `release_ended` says that it is known how its release command ended, or that it never began.
    """

    epoch: Epoch = 0
    attempt: int = 0
    order: Order = Order.IDLE
    deployment: str = ""
    version: str = ""
    digest: str = ""
    tries: int = 0
    stage: AgentStage = AgentStage.IDLE
    failed_stage: AgentStage | None = None
    detail: str = ""
    log_tail: str = ""
    config: int = 0
    release_ended: bool = False
    manifest: str = ""

    @property
    def target(self) -> Target:
        return Target(self.version, self.digest, self.config, self.manifest)

    @property
    def unfinished(self) -> bool:
        return self.stage in IN_PROGRESS

    def is_for(self, turn: Turn) -> bool:
        return key(self) == key(turn)


def key(of: Turn | TurnRecord | HostReport) -> tuple[int, int, int]:
    """Return the sort key of one host's turns: epoch, then attempt, then order (PREFETCH … RESTORE)."""
    return (of.epoch, of.attempt, of.order.progress_rank)


def progress(stage: AgentStage) -> int:
    """Return the sort key of records of one turn: in progress, past the begin of a release command, ended."""
    if stage is AgentStage.RELEASING:
        return 1
    return 0 if stage in IN_PROGRESS else 2


@dataclass(frozen=True, slots=True)
class State:
    """The agent's state, which survives its restarts.

    `verified` is the last version that passed its self-test here, and `previous` the one before it. Both stay on
    the disk, so that a rollback needs no store.
    """

    acted: TurnRecord = field(default_factory=TurnRecord)
    self_test: SelfTest | None = None
    verified: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Idle:
    """No turn for this host; poll slowly."""

    reason: str


@dataclass(frozen=True, slots=True)
class Prefetched:
    """The version is on the disk. With `soon` the order to install is expected at any moment: poll quickly."""

    reason: str
    soon: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bring the turn's version onto the disk; leave the running service alone."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True)
class RunRelease:
    """Bring the version onto the disk, then run its release command once; leave the running service alone."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True)
class AbandonRelease:
    """End what an interrupted release command left, and report that it is not known whether it ran."""

    reason: str


@dataclass(frozen=True, slots=True)
class Install:
    """Stop the service, switch to the turn's version, start it, self-test it. A resumed install starts over."""

    turn: Turn
    reason: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Report the unfinished turn as failed; change nothing else."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """A turn that the agent must not act on."""

    reason: str


Decision: TypeAlias = Idle | Prefetched | Fetch | RunRelease | AbandonRelease | Install | Abandon | Ignore


def decide(turn: Turn | None, state: State, host: str, now: datetime) -> Decision:
    """Choose what `host` does under `turn`.

    Only Fetch, RunRelease and Install have effects, and only Install changes the running service. None is chosen for
    a turn that is for another host, older than the recorded one, finished, or expired. RunRelease is never chosen
    for a turn whose release command may have begun.
    """
    acted = state.acted
    if acted.stage is AgentStage.RELEASING:  # this process records an end, so another one began the command
        return AbandonRelease("the agent ended, or its host, while the command ran")
    if turn and (reason := _reason_to_ignore(turn, acted, host)):
        return Ignore(reason)
    if turn is None or turn.order is Order.IDLE:
        return Abandon("the command was withdrawn") if acted.unfinished else Idle("no command for this host")
    return _decide_repeated(turn, acted, now) if acted.is_for(turn) else _decide_new(turn, now)


def _reason_to_ignore(turn: Turn, acted: TurnRecord, host: str) -> str | None:
    """Return why the host must ignore the turn, or None when it may act on it."""
    if turn.host != host:
        return f"the command is for {turn.host}, this host is {host}"
    if turn.issued_at.tzinfo is None or turn.expires_at.tzinfo is None:
        return f"command {turn.epoch}.{turn.attempt} has times without a zone; issue the command again"
    if turn.epoch < acted.epoch:
        return f"epoch {turn.epoch} is fenced: this host acted under epoch {acted.epoch}"
    if turn.order is not Order.IDLE and key(turn) < key(acted):
        return (
            f"attempt {turn.attempt} to {turn.order.in_words} is fenced: "
            f"this host acted on attempt {acted.attempt} to {acted.order.in_words}"
        )
    return None


def _decide_new(turn: Turn, now: datetime) -> Decision:
    """Decide on a turn that the agent did not act on before."""
    if now >= turn.expires_at:
        return Ignore(f"the command expired at {turn.expires_at:%H:%M:%S} before it began")
    return _begin(turn, f"command {turn.epoch}.{turn.attempt} of {turn.deployment}")


def _decide_repeated(turn: Turn, acted: TurnRecord, now: datetime) -> Decision:
    """Decide on the recorded turn: wait for the install, resume, or ignore it."""
    if acted.unfinished:
        return _resume(turn, acted, now)
    if turn.target != acted.target:
        ended, named = acted.target.in_words, turn.target.in_words
        return Ignore(f"command {turn.epoch}.{turn.attempt} ended with {ended}, but now names {named}")
    if acted.stage in (AgentStage.READY, AgentStage.RELEASED) and now < turn.expires_at:
        return Prefetched(f"{turn.version} is on the disk: {acted.stage}", soon=turn.attempt > 0)
    return Ignore(f"command {turn.epoch}.{turn.attempt} ended: {acted.stage}")


def _resume(turn: Turn, acted: TurnRecord, now: datetime) -> Decision:
    if turn.target != acted.target:
        return Abandon(f"the command now names {turn.target.in_words}, but began with {acted.target.in_words}")
    if now >= turn.expires_at:
        return Abandon(f"the command expired at {turn.expires_at:%H:%M:%S} before it was done")
    if turn.order in INSTALL_ORDERS and acted.tries >= MAXIMUM_TRIES:
        return Abandon(f"the agent began the command {acted.tries} times and crashed each time")
    return _begin(turn, f"command {turn.epoch}.{turn.attempt} starts over: it stopped at {acted.stage}")


def _begin(turn: Turn, reason: str) -> Decision:
    if turn.order is Order.RELEASE:
        return RunRelease(turn, reason)
    return Install(turn, reason) if turn.order in INSTALL_ORDERS else Fetch(turn, reason)


def why_release_ends(turn: Turn | None, begun: Turn, host: str, now: datetime) -> str:
    """Return why the release command of the turn `begun` must end, now that `turn` is read; empty if it may run."""
    acted = TurnRecord(epoch=begun.epoch, attempt=begun.attempt, order=begun.order)
    if turn is None or (turn.epoch >= begun.epoch and turn.order is Order.IDLE):
        return "the command was withdrawn"
    if _reason_to_ignore(turn, acted, host):
        turn = begun  # a turn that the agent must not act on changes nothing
    if key(turn) != key(begun):
        return f"command {turn.epoch}.{turn.attempt} to {turn.order.in_words} replaced it"
    if turn.target != begun.target:
        return f"the command now names {turn.target.in_words}, but began with {begun.target.in_words}"
    return f"the command expired at {turn.expires_at:%H:%M:%S}" if now >= turn.expires_at else ""


def state_from_report(report: HostReport | None) -> State:
    """Derive the state of an agent that lost its disk from its last report, so that it never acts on an old turn.

    An install in progress counts as failed. A release command in progress stays so: `decide` abandons it. A
    prefetched version is fetched again.
    """
    if report is None or report.epoch == 0:
        return State()
    acted = TurnRecord(epoch=report.epoch, attempt=report.attempt, deployment=report.deployment)
    if report.stage in (AgentStage.IDLE, AgentStage.FETCHING, AgentStage.READY):
        return State(acted=acted)
    if report.stage is AgentStage.RELEASING:
        return State(acted=replace(acted, order=report.order, stage=report.stage))
    interrupted = report.stage in IN_PROGRESS
    return State(
        acted=replace(
            acted,
            order=report.order if report.order in (Order.RELEASE, *INSTALL_ORDERS) else Order.INSTALL,
            stage=AgentStage.FAILED if interrupted else report.stage,
            failed_stage=report.stage if interrupted else report.failed_stage,
            detail="the agent lost its folder during this command" if interrupted else report.detail,
            log_tail=report.log_tail,
            release_ended=report.release_ended,
        )
    )


def state_after(report: HostReport, stored: State, on_disk: Collection[str]) -> State:
    """Return the state of an agent whose stored state is older than its last report, as after a restore.

    Each start of the service has one self-test, so a stored result for the reported start stays. A version that
    the report shows as passed since becomes the verified one, unless it was lost with the disk.
    """
    before, tested = stored.self_test, report.self_test
    if before is not None and before.boot == report.boot:
        tested = before
    verified, previous = stored.verified, stored.previous
    passed = replace(report, self_test=tested).has_passed(report.digest) and report.installed in on_disk
    if passed and report.installed != verified:
        verified, previous = report.installed, verified
    return replace(state_from_report(report), self_test=tested, verified=verified, previous=previous)
