"""The commands of operators outside of any deployment: who asks, and what was done."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestedBy:
    """Who does it, and why."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What was done, in one sentence, and to which clusters."""

    message: str
    clusters: tuple[str, ...]
