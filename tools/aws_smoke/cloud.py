"""The port of the kit: an account in which it makes and removes things. aws.py implements it, and a fake."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lifecycle.domain.errors import LifecycleError


class SmokeFailed(LifecycleError):
    """A step that did not do what was expected; the message says what was found."""


class Part(StrEnum):
    """The parts that the kit makes, in this order; it removes them in the opposite order."""

    NETWORK = "network"
    REPOSITORY = "repository"
    CONTROL_PLANE = "control plane"
    CLUSTER = "cluster"


class Verdict(StrEnum):
    """The result of one measurement."""

    AS_DESIGNED = "as designed"
    DIFFERENT = "different"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question, and what was found."""

    question: str
    verdict: Verdict
    found: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a rollout: its state, such as DONE or HALTED, and the versions that its hosts run then."""

    state: str
    installed: tuple[str, ...] = ()


class Cloud(Protocol):
    """An account and region. Every method may be repeated: what exists is kept, and what is gone stays gone."""

    def blockers(self) -> Sequence[str]:
        """Return a sentence for each reason not to begin, such as an installation that is not the kit's own."""

    def make(self, part: Part) -> None:
        """Make a part, marked as the kit's own."""

    def push(self, *, broken: bool) -> str:
        """Push the example, wait for its build, promote it, and return the release."""

    def roll_out(self, release: str) -> Ending: ...
    def roll_back(self) -> Ending: ...
    def answer(self, question: str) -> Answer:
        """Measure one of questions.py."""

    def remove(self, part: Part) -> None:
        """Remove a part that is the kit's own, with all that it kept; raises SmokeFailed for one that is not."""

    def left(self) -> Sequence[str]:
        """Return the names of everything of the kit that still exists."""
