"""Notifications as events of EventBridge, for programs, and as messages of an SNS topic, for people."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lifecycle import names
from lifecycle.aws_pages import dashboard_page, log_page, rollout_page
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.monitoring.notifications import Notification
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.serialization import to_plain

_AT_ONCE = 10  # entries that one PutEvents takes
_LARGEST = 262_144  # bytes of one PutEvents, and of one message of SNS
_OVERHEAD = 200  # bytes that are counted beside an entry's detail: its source, its type and its time
_LONGEST_TEXT = 20_000  # bytes of a text of an event: it fits, however JSON writes its characters
_SUBJECT = 100  # characters, of ASCII, on one line
_MORE = " … (cut)"
_FILTERED = ("kind", "service", "environment", "state")


@translated
class AwsNotifications:
    """Events are sent first, then messages. Both have the same `id`, so a receiver can drop duplicates."""

    def __init__(self, events: Any, sns: Any, topic: str) -> None:
        self._events = events
        self._sns = sns
        self._topic = topic

    def send(self, notifications: Sequence[Notification]) -> None:
        for batch in _batches([_entry(each) for each in notifications]):
            answer = self._events.put_events(Entries=batch)
            if answer["FailedEntryCount"]:
                wrong = next(each for each in answer["Entries"] if "ErrorCode" in each)
                raise StoreRefused(
                    f"EventBridge refused one of {len(batch)} events: {wrong}; the batch is sent again"
                )
        for each in filter(lambda one: one.kind.for_people, notifications):
            self._sns.publish(TopicArn=self._topic, **_message(each, _links(self._topic, each)))


def _batches(entries: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the entries in the batches that one PutEvents takes: their number and their size together are limited."""
    batch: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        own = len(entry["Detail"].encode()) + _OVERHEAD
        if batch and (len(batch) == _AT_ONCE or size + own > _LARGEST):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += own
    if batch:
        yield batch


def detail(notification: Notification) -> dict[str, Any]:
    """Return a notification as the `detail` of its event (docs/notices.schema.json)."""
    plain: dict[str, Any] = to_plain(_shortened(notification))
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
        "Detail": json.dumps(detail(notification), sort_keys=True, ensure_ascii=False),
        "Time": notification.at,
    }


def _links(topic: str, notification: Notification) -> list[str]:
    """Return a line for each page about it; the topic's ARN tells partition, region and account. None on a laptop."""
    cluster = notification.cluster
    pages = {
        "console": dashboard_page(topic),
        "execution": rollout_page(topic, notification.deployment),
        "logs": log_page(topic, names.service_log_group(cluster.environment, cluster.service)),
    }
    return [f"{what}: {url}" for what, url in pages.items() if url]


def _message(notification: Notification, links: Sequence[str]) -> dict[str, Any]:
    """Return a message that people can read, with attributes that a subscription can filter by."""
    values = detail(notification)
    lines = [notification.summary, "", _cut(notification.text), "", *links, f"id: {notification.id}"]
    return {
        "Subject": _subject(notification.summary),
        "Message": "\n".join(lines),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": values[name]} for name in _FILTERED if values[name]
        },
    }


def _shortened(notification: Notification) -> Notification:
    """Return a notification that fits into an event: a reason may have any length, and a lost event tells nobody."""
    return replace(notification, text=_cut(notification.text), evidence=_cut(notification.evidence))


def _cut(text: str) -> str:
    """Return a text that is at most `_LONGEST_TEXT` bytes long, with its end marked if it was longer."""
    raw = text.encode()
    if len(raw) <= _LONGEST_TEXT:
        return text
    return raw[: _LONGEST_TEXT - len(_MORE.encode())].decode(errors="ignore") + _MORE


def _subject(summary: str) -> str:
    """Return a subject that SNS accepts: printable ASCII that begins with a letter."""
    text = "".join(each if " " <= each <= "~" else " " for each in f"Lifecycle {summary}")
    return text if len(text) <= _SUBJECT else f"{text[: _SUBJECT - 3]}..."
