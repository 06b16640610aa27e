"""Notifications as events of EventBridge, for programs, and as messages of an SNS topic, for people."""

import json
from collections.abc import Sequence
from typing import Any

from lifecycle import names
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.monitoring.notifications import Notification
from lifecycle.gateways.serialization import to_plain

_AT_ONCE = 10  # entries that one PutEvents takes
_SUBJECT = 100  # characters, of ASCII, on one line
_FILTERED = ("kind", "service", "environment", "state")


class AwsNotifications:
    """Events are sent first, then messages. Both have the same `id`, so a receiver can drop duplicates."""

    def __init__(self, events: Any, sns: Any, topic: str) -> None:
        self._events = events
        self._sns = sns
        self._topic = topic

    def send(self, notifications: Sequence[Notification]) -> None:
        for begin in range(0, len(notifications), _AT_ONCE):
            batch = notifications[begin : begin + _AT_ONCE]
            answer = self._events.put_events(Entries=[_entry(each) for each in batch])
            if answer["FailedEntryCount"]:
                wrong = next(each for each in answer["Entries"] if "ErrorCode" in each)
                raise StoreRefused(
                    f"EventBridge refused one of {len(batch)} events: {wrong}; the batch is sent again"
                )
        for each in notifications:
            self._sns.publish(TopicArn=self._topic, **_message(each))


def detail(notification: Notification) -> dict[str, Any]:
    """Return a notification as the `detail` of its event (docs/notices.schema.json)."""
    plain: dict[str, Any] = to_plain(notification)
    cluster = plain.pop("cluster")
    return {
        **plain,
        "kind": notification.kind.name,
        "service": cluster["service"],
        "environment": cluster["environment"],
    }


def _entry(notification: Notification) -> dict[str, Any]:
    return {
        "Source": names.EVENT_SOURCE,
        "DetailType": notification.kind.value,
        "Detail": json.dumps(detail(notification), sort_keys=True),
        "Time": notification.at,
    }


def _message(notification: Notification) -> dict[str, Any]:
    """Return a message that people can read, with attributes that a subscription can filter by."""
    values = detail(notification)
    lines = [notification.summary, "", notification.text, "", f"id: {notification.id}"]
    return {
        "Subject": _subject(notification.summary),
        "Message": "\n".join(lines),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": values[name]} for name in _FILTERED if values[name]
        },
    }


def _subject(summary: str) -> str:
    """Return a subject that SNS accepts: printable ASCII that begins with a letter."""
    text = "".join(each if " " <= each <= "~" else " " for each in f"Lifecycle {summary}")
    return text if len(text) <= _SUBJECT else f"{text[: _SUBJECT - 3]}..."
