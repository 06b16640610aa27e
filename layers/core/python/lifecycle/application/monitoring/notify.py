"""Notices: tell people and programs outside of what the ledger's changes mean.

Called by functions/monitoring/notify with a batch of the ledger's stream (ADR 11). A batch that fails comes again, so a notice
may be told twice, under the same id; none is lost while the stream remembers it, which is a day.
"""

from collections.abc import Sequence

from lifecycle.application.ports.notifications import Notices
from lifecycle.domain.monitoring.notifications import Change, Notice, notice_of


def notify(notices: Notices, changes: Sequence[Change]) -> list[Notice]:
    """Tell of every change that is worth it, in their order; raises when one was not taken."""
    found = [notice for change in changes if (notice := notice_of(change))]
    if found:
        notices.tell(found)
    return found
