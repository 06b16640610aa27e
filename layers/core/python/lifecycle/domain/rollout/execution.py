"""Executions of the state machines: their names and states.

A deployment or a delivery may need more than one; the second one ends in `_2`, the third in `_3`.
"""

import re
from enum import StrEnum


class ExecutionState(StrEnum):
    """The state of the execution that carries a deployment."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"  # by hand, in the console or with StopExecution
    ENDED = "ENDED"  # by itself: well, with a failure, or with a time-out
    UNKNOWN = "UNKNOWN"  # no execution has that name


_NUMBER = re.compile(r"_([0-9]+)\Z")


def next_execution(execution: str) -> str:
    """Return the name after `execution`."""
    return nth_execution(_NUMBER.sub("", execution), execution_number(execution) + 1)


def nth_execution(first: str, number: int) -> str:
    """Return the name of an execution: `first` for the first one, then `<first>_2`, `<first>_3` and so on."""
    return first if number == 1 else f"{first}_{number}"


def execution_number(execution: str) -> int:
    """Return the number of an execution of its deployment or delivery, the first one being 1."""
    found = _NUMBER.search(execution)
    return int(found[1]) if found else 1
