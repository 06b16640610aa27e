"""Notices: the ledger's stream, told to EventBridge and SNS."""

from typing import Any

from lifecycle.application.monitoring.notify import notify
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.handler import logger
from lifecycle.gateways.aws.stream import changes_of


def handle(event: dict[str, Any], _context: Any) -> dict[str, list[str]]:
    """Tell of what changed; a batch that raises comes again."""
    changes, unread = changes_of(event.get("Records", []))
    told = [notification.id for notification in notify(bootstrap.notifications(), changes)]
    logger.info("told", extra={"notices": told, "unread": unread})
    return {"notices": told, "unread": unread}
