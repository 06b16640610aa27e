"""Audit entries about what was refused to somebody who is not known: a build, or who started an execution.

A cluster's audit log takes MOST of them within a day. They are counted among its newest entries. So each entry that a
person or a deployment makes may give room for one more.
"""

from collections.abc import Sequence
from dataclasses import replace

from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.refused_limits import MOST, SHOWN

# Refused attempts are counted among so many of a cluster's newest entries of these kinds.
COUNTED = 2 * MOST
# The refusal of a snapshot is the failure of a run.
REFUSED = (AuditKind.REFUSAL, AuditKind.RUN_FAILED)
_LAST = "; further refusals of this day are in the logs of the functions only"


def admitted(entry: AuditEntry, newest: Sequence[AuditEntry]) -> AuditEntry | None:
    """Return the entry of a refusal as it is to be written after these; None if there have been too many."""
    refused = [each for each in newest if each.kind in REFUSED and entry.at - each.at < SHOWN]
    if len(refused) >= MOST:
        return None
    return replace(entry, why=f"{entry.why}{_LAST}") if len(refused) == MOST - 1 else entry
