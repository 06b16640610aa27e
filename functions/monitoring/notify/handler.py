"""Notifications: changes in the ledger's stream are sent to EventBridge and SNS."""

from typing import Any

from lifecycle.application.monitoring.notify import notify
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.log import logger
from lifecycle.gateways.aws.stream import changes_of


def handle(event: dict[str, Any], _context: Any) -> dict[str, list[str]]:
    """Send the notifications of a batch of changes. Lambda retries a batch whose handler raises."""
    changes, unread = changes_of(event.get("Records", []))
    sent = [notification.id for notification in notify(bootstrap.notifications(), changes)]
    logger.info("notified", extra={"notifications": sent, "unread": unread})
    return {"notifications": sent, "unread": unread}
