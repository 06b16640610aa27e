"""Executions of the state machines: their names and states.

A deployment or a delivery may need more than one; the second one ends in `_2`, the third in `_3`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lifecycle.domain.errors import InvalidName, InvalidValue

# What Step Functions allows, of the signs that its logs can show.
_NAME = re.compile(r"[0-9A-Za-z._-]{1,80}")
_LONGEST_INPUT = 262_144


class ExecutionState(StrEnum):
    """The state of the execution that carries a deployment."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"  # by hand, in the console or with StopExecution
    ENDED = "ENDED"  # by itself: well, with a failure, or with a time-out
    UNKNOWN = "UNKNOWN"  # no execution has that name


@dataclass(frozen=True, slots=True)
class Visit:
    """One pass of an execution through its loop.

    Step Functions counts the rounds, so a call that is repeated has the same one. Round 0 is a call by a
    definition that did not count yet: it is the same as no other.
    """

    execution: str
    round: int

    def is_repeated_by(self, now: "Visit") -> bool:
        return self.round > 0 and self == now

    def was_before(self, now: "Visit") -> bool:
        """Return whether this was an earlier pass of the same execution, so that what it began has ended."""
        return self.execution == now.execution and not self.is_repeated_by(now)

    def was_followed_by(self, other: "Visit") -> bool:
        """Return whether the execution has made a later pass than this one."""
        return 0 < self.round < other.round and self.execution == other.execution


@dataclass(frozen=True, slots=True)
class ExecutionEnd:
    """The end of an execution that failed, timed out or was stopped, and what Step Functions says about it."""

    state: ExecutionState
    at: datetime | None
    cause: str = ""

    @property
    def by_hand(self) -> bool:
        return self.state is ExecutionState.STOPPED


_NUMBER = re.compile(r"_([0-9]+)\Z")


def next_execution(execution: str) -> str:
    """Return the name after `execution`."""
    return nth_execution(first_execution(execution), execution_number(execution) + 1)


def nth_execution(first: str, number: int) -> str:
    """Return the name of an execution: `first` for the first one, then `<first>_2`, `<first>_3` and so on."""
    return first if number == 1 else f"{first}_{number}"


def first_execution(execution: str) -> str:
    """Return the name of the first execution of the same deployment or delivery."""
    return _NUMBER.sub("", execution)


def continues(execution: str, recorded: str) -> bool:
    """Return whether an execution carries a deployment whose record names `recorded`: the same, or one after it."""
    same = first_execution(execution) == first_execution(recorded)
    return same and execution_number(execution) >= execution_number(recorded)


def execution_number(execution: str) -> int:
    """Return the number of an execution of its deployment or delivery, the first one being 1."""
    found = _NUMBER.search(execution)
    return int(found[1]) if found else 1


def is_execution_name(text: str) -> bool:
    """Return whether an execution can have this name."""
    return _NAME.fullmatch(text) is not None


def execution_name(text: str) -> str:
    """Check the name of a new execution; raises InvalidName."""
    if not is_execution_name(text):
        raise InvalidName("execution name", text[:100], "1 to 80 letters, digits, dots, hyphens and underscores")
    return text


def execution_input(payload: Mapping[str, Any]) -> str:
    """Return the input of an execution as JSON; raises InvalidValue if it is larger than Step Functions allows."""
    text = json.dumps(dict(payload))
    if (size := len(text.encode())) > _LONGEST_INPUT:
        raise InvalidValue("size of an execution's input", f"{size} bytes", f"at most {_LONGEST_INPUT} bytes")
    return text
