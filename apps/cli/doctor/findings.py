"""A finding about an account: one sentence, and the command that mends it."""

from dataclasses import dataclass
from enum import StrEnum

from apps.cli.doctor.facts import Unseen


class Level(StrEnum):
    """The weight of a finding. Only MEND makes the exit code 1."""

    MEND = "mend"
    WARNING = "warning"
    UNSEEN = "unseen"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one topic; `mend` is a command or a step, empty where nothing has to be done."""

    topic: str
    level: Level
    text: str
    mend: str = ""


def fine(topic: str, text: str) -> Finding:
    """Return a finding about a fact that is in order."""
    return Finding(topic, Level.FINE, text)


def mend(topic: str, text: str, how: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(topic, Level.MEND, text, how)


def warning(topic: str, text: str, how: str) -> Finding:
    """Return a finding that may become a fault, and stops nothing now."""
    return Finding(topic, Level.WARNING, text, how)


def unseen(topic: str, what: str, fact: Unseen) -> Finding:
    """Say that a fact could not be looked at, and the permission that would show it."""
    if fact.why:
        return Finding(topic, Level.UNSEEN, f"{what} could not be looked at: {fact.why}")
    return Finding(topic, Level.UNSEEN, f"{what} could not be looked at: needs {fact.needs}")
