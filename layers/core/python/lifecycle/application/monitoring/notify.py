"""Notices: tell people and programs outside of what the ledger's changes mean.

Called by functions/monitoring/notify with a batch of the ledger's stream (ADR 11). A batch that fails comes again, so a notice
may be told twice, under the same id; none is lost while the stream remembers it, which is a day.
"""

from collections.abc import Sequence

from lifecycle.application.ports.notifications import Notifications
from lifecycle.domain.monitoring.notifications import Change, Notification, notification_of


def notify(notifications: Notifications, changes: Sequence[Change]) -> list[Notification]:
    """Tell of every change that is worth it, in their order; raises when one was not taken."""
    found = [notification for change in changes if (notification := notification_of(change))]
    if found:
        notifications.send(found)
    return found
