"""The audit log (the trail): an entry before each effect, append-only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AuditKind(StrEnum):
    """Kinds of audit entries, where code must tell them apart."""

    ACTION = "ACTION"  # of an operator, or of a phase of a rollout
    ALARM = "ALARM"  # what an alarm led to; it becomes a notification
    HAND_MADE = "HAND_MADE"  # what a person changed beside Lifecycle; it becomes a notification
    CRASH_LOOP = "CRASH_LOOP"  # a service that ended again after each repair; it becomes a notification
    HOST_DOWN = "HOST_DOWN"  # a service that ended while a deployment keeps its repair off; it becomes a notification
    SCHEDULE = "SCHEDULE"  # a scheduled command that failed or was skipped; it becomes a notification
    REFUSAL = "REFUSAL"  # of somebody who is not known; only so many are written (refused_entries.py)
    RUN_FAILED = "RUN_FAILED"  # a run whose build failed or whose snapshot was refused; it becomes a notification
    OUTAGE = "OUTAGE"  # hosts that became unhealthy together; it becomes a notification
    OUTAGE_OVER = "OUTAGE_OVER"  # their recovery; it becomes a notification


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log, written before the effect that it records."""

    at: datetime
    cluster: str
    what: str
    who: str
    why: str = ""
    deployment: str = ""
    host: str = ""
    kind: AuditKind = AuditKind.ACTION


def newest_first(entries: Iterable[AuditEntry]) -> list[AuditEntry]:
    """Return entries in the order of every list of them; of one moment the later entry comes first, too."""
    return sorted(entries, key=lambda entry: entry.at)[::-1]
