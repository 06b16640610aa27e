"""Operators' commands outside of deployments: the person who gives one, and its result.

Used by freeze.py, quarantine.py and remove_host.py, and by their functions.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestedBy:
    """The person who gives a command, and the reason."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: one sentence, and the clusters that it changed."""

    message: str
    clusters: tuple[str, ...]
