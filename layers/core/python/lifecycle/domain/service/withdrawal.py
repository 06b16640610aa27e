"""The withdrawal of a release that was never deployed, or of a version of a removed service; kept for good.

A withdrawal begins, and then ends once: DONE, or LOST to a deployment that began at the same time. Both sides replace
the same record, so one of them wins (application/rollout/withdrawn.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from lifecycle.domain.time_format import minute

V = TypeVar("V")


class WithdrawalState(StrEnum):
    """The states of a withdrawal. Only one that is DONE counts."""

    BEGUN = "BEGUN"
    DONE = "DONE"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The end of a version, with its author and the reason. `at` is None where the record cannot be read."""

    version: str
    by: str
    why: str
    at: datetime | None
    state: WithdrawalState = WithdrawalState.BEGUN

    @property
    def done(self) -> bool:
        return self.state is WithdrawalState.DONE

    def ending(self, state: WithdrawalState) -> "Withdrawal":
        """Return the withdrawal at its end."""
        return replace(self, state=state)

    @property
    def in_words(self) -> str:
        """Return who withdrew it, when and why, such as `withdrawn by ada at 2026-11-23 12:00 UTC: it was broken`."""
        at = f" at {minute(self.at)}" if self.at else ""
        return f"withdrawn by {self.by}{at}: {self.why}"


def done(withdrawals: Mapping[str, Withdrawal]) -> Mapping[str, Withdrawal]:
    """Return the withdrawals that count, by the version of the release."""
    return {version: each for version, each in withdrawals.items() if each.done}


def not_withdrawn(versions: Mapping[str, V], withdrawn: Iterable[str]) -> dict[str, V]:
    """Return the versions that were not withdrawn, each with its snapshot or its facts."""
    gone = frozenset(withdrawn)
    return {version: about for version, about in versions.items() if version not in gone}
