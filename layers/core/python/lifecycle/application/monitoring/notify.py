"""Notifications: inform people and programs outside of changes in the ledger.

Called by functions/monitoring/notify with a batch of the ledger's stream (ADR 11). A batch that fails is
delivered again, so a notification may be sent twice, under the same id. None is lost while the stream retains
it, a day.
"""

from collections.abc import Sequence

from lifecycle.application.ports.notifications import Notifications
from lifecycle.domain.monitoring.notifications import Change, Notification, notification_of


def notify(notifications: Notifications, changes: Sequence[Change]) -> list[Notification]:
    """Send a notification for each change that needs one, in order; raises if any of them was not accepted."""
    found = [notification for change in changes if (notification := notification_of(change))]
    if found:
        notifications.send(found)
    return found
