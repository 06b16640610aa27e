"""Words and tones of every state that people are shown.

The console and the command line both read this module, so a state has the same word and the same tone in both.
The CSS class of a tone is in console/status_styles.py. Its colour on a terminal is in apps/cli/output/printer.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from lifecycle.domain.analysis.model import Verdict
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.actions import Ruling
from lifecycle.domain.rollout.attempt import AttemptState, Blame
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.test_bed.model import BedOutcome

S = TypeVar("S", bound=StrEnum)


class Tone(StrEnum):
    """The weight of a state for its reader: fine, in progress, needs attention, failed, or inactive."""

    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    IDLE = "idle"


class HostStatus(StrEnum):
    """The most important fact about a host; an attempt or a target state may stand in for it."""

    QUARANTINED = "quarantined"
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"
    LEFT_OUT = "left out"
    POSTPONED = "postponed"
    TEST_BED = "test bed"
    CONTROL = "control"
    STOPPED = "stopped"
    EMPTY = "empty"
    WAITING = "waiting"
    SERVING_OLD = "waiting in rotation"  # it serves the version before until its turn
    NOT_NEEDED = "not needed"
    IN_PLACE = "in place"
    GONE = "gone"
    DRIFTED = "drifted"
    SERVING = "serving"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Status:
    """A state as people read it."""

    tone: Tone
    word: str

    def __str__(self) -> str:
        return self.word


def _named_by_value(tones: Mapping[S, Tone]) -> dict[S, Status]:
    return {state: Status(tone, str(state)) for state, tone in tones.items()}


DEPLOYMENTS = _named_by_value(
    {
        DeploymentState.QUEUED: Tone.IDLE,
        DeploymentState.RUNNING: Tone.BUSY,
        DeploymentState.HALTED: Tone.BAD,
        DeploymentState.AWAITING_APPROVAL: Tone.WARN,
        DeploymentState.PAUSED: Tone.WARN,
        DeploymentState.DONE: Tone.GOOD,
        DeploymentState.ROLLED_BACK: Tone.BAD,
        DeploymentState.ABORTED: Tone.BAD,
        DeploymentState.REJECTED: Tone.WARN,
        DeploymentState.STALE: Tone.IDLE,
        DeploymentState.REFUSED: Tone.BAD,
        DeploymentState.SUPERSEDED: Tone.IDLE,
    }
)
# A deployment that has the cluster's lease, but no record yet.
PLANNING = Status(Tone.BUSY, "planning")
# A deployment that goes on by its record, though its execution was stopped by hand, or has failed.
STOPPED_BY_HAND = Status(Tone.BAD, "stopped by hand")
INTERRUPTED = Status(Tone.BAD, "interrupted")
# An attempt without an end, of a deployment that has ended: the host is as its last stage left it.
UNFINISHED = Status(Tone.BAD, "unfinished")
# A deployment whose record, or whose lease, cannot be read.
UNREADABLE = Status(Tone.BAD, "unreadable")
# An attempt is shown by what its host does next.
ATTEMPTS = {
    AttemptState.STARTED: Status(Tone.BUSY, "draining"),
    AttemptState.DRAINED: Status(Tone.BUSY, "installing"),
    AttemptState.INSTALLED: Status(Tone.BUSY, "self-testing"),
    AttemptState.SELF_TESTED: Status(Tone.BUSY, "registering"),
    AttemptState.REGISTERED: Status(Tone.BUSY, "waiting until alive"),
    AttemptState.ALIVE: Status(Tone.GOOD, "alive"),
    AttemptState.FAILED: Status(Tone.BAD, "failed"),
    AttemptState.RELEASED: Status(Tone.BUSY, "release command passed"),
}
RELEASING = Status(Tone.BUSY, "running the release command")
RELEASE_NOT_KNOWN = Status(Tone.BAD, "not known whether the release command ran")
HOSTS = _named_by_value(
    {
        HostStatus.QUARANTINED: Tone.BAD,
        HostStatus.UNREADABLE: Tone.BAD,
        HostStatus.UNREACHABLE: Tone.BAD,
        HostStatus.LEFT_OUT: Tone.WARN,
        HostStatus.POSTPONED: Tone.WARN,
        HostStatus.TEST_BED: Tone.BUSY,
        HostStatus.CONTROL: Tone.BUSY,
        HostStatus.STOPPED: Tone.BAD,
        HostStatus.EMPTY: Tone.IDLE,
        HostStatus.WAITING: Tone.IDLE,
        HostStatus.SERVING_OLD: Tone.GOOD,
        HostStatus.NOT_NEEDED: Tone.IDLE,
        HostStatus.IN_PLACE: Tone.GOOD,
        HostStatus.GONE: Tone.IDLE,
        HostStatus.DRIFTED: Tone.WARN,
        HostStatus.SERVING: Tone.GOOD,
        HostStatus.RUNNING: Tone.GOOD,
    }
)
TARGETS = {
    TargetState.HEALTHY: Status(Tone.GOOD, "healthy"),
    TargetState.INITIAL: Status(Tone.BUSY, "initial"),
    TargetState.UNHEALTHY: Status(Tone.BAD, "unhealthy"),
    TargetState.DRAINING: Status(Tone.BUSY, "draining"),
    TargetState.UNUSED: Status(Tone.WARN, "unused"),
    TargetState.UNAVAILABLE: Status(Tone.WARN, "unavailable"),
    TargetState.ABSENT: Status(Tone.WARN, "absent"),
    TargetState.NOT_WORKING: Status(Tone.BAD, "not working"),
    TargetState.UNKNOWN: Status(Tone.WARN, "unknown"),
    TargetState.TEST_GROUP: Status(Tone.WARN, "in a test group"),
}
STAGES = {
    AgentStage.IDLE: Status(Tone.IDLE, "idle"),
    AgentStage.FETCHING: Status(Tone.BUSY, "fetching"),
    AgentStage.READY: Status(Tone.BUSY, "ready"),
    AgentStage.RELEASING: Status(Tone.BUSY, "running the release command"),
    AgentStage.RELEASED: Status(Tone.BUSY, "release command done"),
    AgentStage.INSTALLING: Status(Tone.BUSY, "installing"),
    AgentStage.STARTING: Status(Tone.BUSY, "starting"),
    AgentStage.SELF_TESTING: Status(Tone.BUSY, "self-testing"),
    AgentStage.DONE: Status(Tone.GOOD, "done"),
    AgentStage.FAILED: Status(Tone.BAD, "failed"),
}
TEST_BEDS = _named_by_value(
    {
        BedOutcome.BAKING: Tone.BUSY,
        BedOutcome.ASKED: Tone.WARN,
        BedOutcome.PASSED: Tone.GOOD,
        BedOutcome.APPROVED: Tone.WARN,
        BedOutcome.FAILED: Tone.BAD,
        BedOutcome.CANCELLED: Tone.WARN,
    }
)
VERDICTS = _named_by_value({Verdict.PASS: Tone.GOOD, Verdict.FAIL: Tone.BAD, Verdict.INCONCLUSIVE: Tone.WARN})
BLAMES = {
    Blame.HOST: Status(Tone.WARN, "the host is to blame"),
    Blame.VERSION: Status(Tone.BAD, "the version is to blame"),
    Blame.UNCLEAR: Status(Tone.WARN, "it is unclear what is to blame"),
}
PERMISSIONS = {
    ruling: Status(tone, str(ruling))
    for ruling, tone in {
        Ruling.ALLOWED: Tone.GOOD,
        Ruling.WAITS: Tone.IDLE,
        Ruling.QUARANTINED: Tone.BAD,
        Ruling.FROZEN: Tone.WARN,
        Ruling.REFUSED: Tone.BAD,
        Ruling.NEEDLESS: Tone.IDLE,
    }.items()
}
KINDS = {Kind.DEPLOY: "deploy", Kind.ROLLBACK: "rollback", Kind.CONVERGE: "repair"}
# States of an execution in Step Functions; a delivery has no other.
DELIVERIES = {
    name: Status(tone, name)
    for name, tone in {
        "RUNNING": Tone.BUSY,
        "SUCCEEDED": Tone.GOOD,
        "FAILED": Tone.BAD,
        "TIMED_OUT": Tone.BAD,
        "ABORTED": Tone.BAD,
        "PENDING_REDRIVE": Tone.BUSY,
    }.items()
}
# Results of `lifecycle converge`; it has more, which are shown without a tone.
CONVERGENCES = {
    name: Status(tone, name)
    for name, tone in {
        "CONVERGED": Tone.GOOD,
        "REPAIR": Tone.BUSY,
        "HOLD": Tone.WARN,
        "ABORTED": Tone.BAD,
        "FAILED": Tone.BAD,
    }.items()
}
SELF_TESTS = {True: Status(Tone.GOOD, "passed"), False: Status(Tone.BAD, "failed")}


def delivery_status(name: str) -> Status:
    """Return the status of an execution; a state that Step Functions adds later is BAD until it is listed."""
    return DELIVERIES.get(name, Status(Tone.BAD, name))


def every_status() -> Iterable[Status]:
    """Return every status of every table, in the order of this module."""
    tables: tuple[Mapping[Any, Status], ...] = (
        *(DEPLOYMENTS, ATTEMPTS, HOSTS, TARGETS, STAGES),
        *(TEST_BEDS, VERDICTS, BLAMES, DELIVERIES, CONVERGENCES, SELF_TESTS, PERMISSIONS),
    )
    yield from (PLANNING, STOPPED_BY_HAND, INTERRUPTED, UNFINISHED)
    for table in tables:
        yield from table.values()
