"""One fault at a time: armed by the suite, and claimed once by the first process that reaches its place.

It is copied beside every function's handler and imported by the suite's agent, so it only needs Python. The
plan and the events are files in one folder, which all processes find by TMPDIR.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Fault(str, Enum):  # noqa: UP042 (a function's runtime may be older than StrEnum)
    """The fault of one call."""

    BEFORE = "killed before"
    AFTER = "killed after"
    BETWEEN = "killed between"  # after its first, second … write
    TWICE = "twice"
    LATE_ANSWER = "late answer"  # done in time, answered after the caller has timed out
    LATE_EFFECT = "late effect"  # done and answered after the caller has timed out
    HELD = "held"  # waits until the control plane is killed


# The faults of every place; BETWEEN only if a phase writes more than once.
EVERYWHERE = (Fault.BEFORE, Fault.AFTER, Fault.TWICE, Fault.LATE_ANSWER, Fault.LATE_EFFECT)


@dataclass(frozen=True)
class Armed:
    """The fault of a case: its place (a phase or part of the agent), delay, and the writes before it."""

    case: str
    where: str
    fault: Fault
    seconds: float = 0.0
    writes: int = 0


# The fault that strikes in this process after so many more writes: [(writes left, fault)].
_countdown: list[tuple[int, Armed]] = []
_READS = ("Get", "Query", "Scan", "Describe", "List", "BatchGet", "TransactGet", "Head", "Assume")


def folder() -> Path:
    """Return the folder of the plan and the events."""
    return Path(os.environ["TMPDIR"]) / "faults"


def arm(into: Path, armed: Armed) -> None:
    """Arm a fault; it replaces the one before."""
    into.mkdir(parents=True, exist_ok=True)
    new = into / "plan.new"
    new.write_text(json.dumps(asdict(armed)))
    new.replace(into / "plan.json")


def disarm(into: Path) -> None:
    """Disarm the fault."""
    (into / "plan.json").unlink(missing_ok=True)


def note(into: Path, case: str, what: str) -> None:
    """Note an event with the time."""
    into.mkdir(parents=True, exist_ok=True)
    with (into / f"{case}.jsonl").open("a") as file:
        file.write(json.dumps({"what": what, "at": time.time()}) + "\n")


def noted(into: Path, case: str) -> dict[str, float]:
    """Return the events of a case with their times in seconds since 1970; empty when the fault never fired.

    The events are `claimed`, `fault`, `held` and `over`.
    """
    file = into / f"{case}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return {line["what"]: float(line["at"]) for line in map(json.loads, lines)}


def around(where: str, act: Callable[[], T]) -> T:
    """Call `act`, with the fault that is armed for this place, if any."""
    armed = _claim(where)
    if armed is None:
        return act()
    if armed.fault is Fault.BEFORE:
        _die(armed)
    if armed.fault is Fault.HELD and not armed.writes:
        _hold(armed)
    if armed.fault is Fault.LATE_EFFECT:
        _note(armed, "fault")
        time.sleep(armed.seconds)
        try:
            return act()
        finally:
            _note(armed, "over")
    if armed.writes:
        _countdown.append((armed.writes, armed))
    result = act()
    _countdown.clear()
    if armed.writes:
        return result  # it wrote less often than the case says: the fault is not noted, so the case fails
    if armed.fault is Fault.AFTER:
        _die(armed)
    _note(armed, "fault")
    if armed.fault is Fault.TWICE:
        result = act()
    else:
        time.sleep(armed.seconds)
    _note(armed, "over")
    return result


def written(operation: str) -> None:
    """Count an answered AWS operation.

    If it is the write that the fault waits for, kill or hold this process.
    """
    if _countdown and not operation.startswith(_READS):
        left, armed = _countdown.pop()
        if left <= 1:
            _hold(armed) if armed.fault is Fault.HELD else _die(armed)
            return
        _countdown.append((left - 1, armed))


def _claim(where: str) -> Armed | None:
    """Return the fault of this place to its first caller; None to all others."""
    try:
        plain = json.loads((folder() / "plan.json").read_text())
    except FileNotFoundError:
        return None
    armed = Armed(**{**plain, "fault": Fault(plain["fault"])})
    if armed.where != where:
        return None
    try:
        os.close(os.open(folder() / f"{armed.case}.claimed", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return None
    _note(armed, "claimed")
    return armed


def _note(armed: Armed, what: str) -> None:
    note(folder(), armed.case, what)


def _hold(armed: Armed) -> None:
    """Wait to be killed."""
    _note(armed, "held")
    time.sleep(60)


def _die(armed: Armed) -> None:
    _note(armed, "fault")
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
