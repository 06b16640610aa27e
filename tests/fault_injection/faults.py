"""One fault at a time: armed by the matrix, and taken once by whoever comes first to its place.

Copied beside every function's handler, and imported by the matrix's agent; so it knows nothing but Python. The
plan, and what became of it, are files in one folder, which all of them find by TMPDIR.
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
    """What happens to one call."""

    BEFORE = "killed before"
    AFTER = "killed after"
    BETWEEN = "killed between"  # after the first, second … of the things that it writes
    TWICE = "twice"
    LATE_ANSWER = "late answer"  # done in time, answered when nobody waits any more
    LATE_EFFECT = "late effect"  # done, and answered, when nobody waits any more
    HELD = "held"  # not done before the control plane was killed


# What every place meets; BETWEEN only where a phase writes more than once.
EVERYWHERE = (Fault.BEFORE, Fault.AFTER, Fault.TWICE, Fault.LATE_ANSWER, Fault.LATE_EFFECT)


@dataclass(frozen=True)
class Armed:
    """A case's fault: `where` it waits (a phase, or a part of the agent), how late is late, after how many writes."""

    case: str
    where: str
    fault: Fault
    seconds: float = 0.0
    writes: int = 0


# The fault that is being counted down to, in this process: [writes left, the fault].
_countdown: list[tuple[int, Armed]] = []
_READS = ("Get", "Query", "Scan", "Describe", "List", "BatchGet", "TransactGet", "Head", "Assume")


def folder() -> Path:
    """Where the plan is."""
    return Path(os.environ["TMPDIR"]) / "faults"


def arm(into: Path, armed: Armed) -> None:
    """Lay the trap; the one before is taken away."""
    into.mkdir(parents=True, exist_ok=True)
    new = into / "plan.new"
    new.write_text(json.dumps(asdict(armed)))
    new.replace(into / "plan.json")


def disarm(into: Path) -> None:
    """Take the trap away."""
    (into / "plan.json").unlink(missing_ok=True)


def note(into: Path, case: str, what: str) -> None:
    """Write down that it happened now."""
    into.mkdir(parents=True, exist_ok=True)
    with (into / f"{case}.jsonl").open("a") as file:
        file.write(json.dumps({"what": what, "at": time.time()}) + "\n")


def noted(into: Path, case: str) -> dict[str, float]:
    """What happened, and when, in seconds since 1970: `claimed`, `fault`, `over`; empty when it never fired."""
    file = into / f"{case}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return {line["what"]: float(line["at"]) for line in map(json.loads, lines)}


def around(where: str, act: Callable[[], T]) -> T:
    """Do it, as the fault that waits here says."""
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
        return result  # it wrote less than was thought: the fault is not noted, and the case fails
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
    """An operation of AWS was answered: if it changed something, and it was the one, this is the end."""
    if _countdown and not operation.startswith(_READS):
        left, armed = _countdown.pop()
        if left <= 1:
            _hold(armed) if armed.fault is Fault.HELD else _die(armed)
            return
        _countdown.append((left - 1, armed))


def _claim(where: str) -> Armed | None:
    """The fault that waits here, for the first who asks."""
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
    """Until whoever holds it is killed."""
    _note(armed, "held")
    time.sleep(60)


def _die(armed: Armed) -> None:
    _note(armed, "fault")
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
