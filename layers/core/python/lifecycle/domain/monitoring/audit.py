"""The audit log (the trail): an entry before each effect, append-only."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail, written before the effect that it tells of."""

    at: datetime
    cluster: str
    what: str
    who: str
    why: str = ""
    deployment: str = ""
    host: str = ""
