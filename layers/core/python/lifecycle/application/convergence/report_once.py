"""Findings that stay: each is reported once, in the audit log, which notifies people, and again after a week.

Called by hand_made.py, services_down.py and failed_schedules.py, at each convergence.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry

# A finding that stays is reported again after this time.
REMINDED_AFTER = timedelta(days=7)
# A host's words may be as long as the ledger takes. An agent's log has 20 lines of 500 characters at most.
MOST_CHARACTERS = 12_000
_ENTRIES_READ = 500  # of the findings' kinds
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry about something that stays. It is not written if an entry that `is_same` was, after `since`."""

    entry: AuditEntry
    is_same: Callable[[AuditEntry], bool]
    since: datetime | None = None

    def is_among(self, before: Sequence[AuditEntry]) -> bool:
        """Return whether the same was reported in the last days."""
        begin = self.entry.at - REMINDED_AFTER
        begin = max(begin, self.since) if self.since else begin
        return any(each.at >= begin and self.is_same(each) for each in before)


def report_once(
    context: Context, cluster: Cluster, findings: Iterable[Finding], most_a_day: int | None = None
) -> None:
    """Append the entry of each finding that was not reported yet, after one read of the audit log.

    At most `most_a_day` entries of a kind are written within a day: a host may cause as many as it likes.
    """
    given = tuple(findings)
    if not given:
        return
    now = context.clock.now()
    # An entry that cannot be read must not stop convergence: the finding is reported once more.
    kinds = {each.entry.kind for each in given}
    found, _ = readable(lambda: context.audit_log.read(cluster, now - REMINDED_AFTER, _ENTRIES_READ, kinds), ())
    before = list(found)
    for each in given:
        if each.is_among(before):
            continue
        entry = each.entry
        if most_a_day is not None:
            written = sum(other.kind == entry.kind and now - other.at < _DAY for other in before)
            if written >= most_a_day:
                return
            if written == most_a_day - 1:
                entry = replace(entry, why=f"{entry.why}\n(more of this kind are not reported on this day)")
        context.audit_log.append(entry)
        before.append(entry)
