"""Findings that stay: each is reported once, in the audit log, which notifies people, and again after a week.

Called by hand_made.py and crash_loops.py, at each convergence.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry

# A finding that stays is reported again after this time.
REMINDED_AFTER = timedelta(days=7)
_ENTRIES_READ = 500


def report_once(
    context: Context,
    cluster: Cluster,
    entry: AuditEntry,
    is_same: Callable[[AuditEntry], bool],
    since: datetime | None = None,
) -> None:
    """Append an entry, unless the same was appended in the last days and after `since`."""
    begin = entry.at - REMINDED_AFTER
    begin = max(begin, since) if since else begin
    # An entry that cannot be read must not stop convergence: the finding is reported once more.
    before, _ = readable(lambda: context.audit_log.read(cluster, begin, _ENTRIES_READ), ())
    if not any(is_same(each) for each in before):
        context.audit_log.append(entry)
