"""Answers of CloudWatch Logs to an agent, behind botocore's own validation."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from apps.agent.aws import CloudWatchLogSink
from apps.agent.errors import EventsRefused, StoreUnreachable
from lifecycle.domain.errors import LifecycleError, StoreRefused
from tests.support.account import HELLO
from tests.support.json_service import json_client

GROUP = f"/lifecycle/{HELLO}"


class Group:
    """A log group in memory: `fails` is the code of every put, `rejected` a part of its answer."""

    def __init__(self, *, exists: bool = True, fails: str = "", rejected: Mapping[str, int] | None = None) -> None:
        self._exists, self._fails, self._rejected = exists, fails, rejected
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.client = json_client("logs", {"PutLogEvents": self._put, "CreateLogStream": self._create})

    def _put(self, given: dict[str, Any]) -> Mapping[str, Any]:
        if self._fails:
            raise ClientError({"Error": {"Code": self._fails, "Message": "no"}}, "PutLogEvents")
        if given["logStreamName"] not in self.streams:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "PutLogEvents")
        self.streams[given["logStreamName"]] += given["logEvents"]
        return {"rejectedLogEventsInfo": self._rejected} if self._rejected else {}

    def _create(self, given: dict[str, Any]) -> Mapping[str, Any]:
        assert given["logGroupName"] == GROUP
        if not self._exists:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "CreateLogStream")
        self.streams[given["logStreamName"]] = []
        return {}

    def put(self, *texts: str) -> None:
        CloudWatchLogSink(lambda: self.client, HELLO, "web-1").put(texts, 1000)


def test_missing_stream_is_made() -> None:
    group = Group()
    group.put("one", "two")
    group.put("three")
    assert [event["message"] for event in group.streams["web-1"]] == ["one", "two", "three"]


def test_missing_group_names_the_stack_to_deploy() -> None:
    with pytest.raises(StoreRefused, match="deploy the cluster's stack again"):
        Group(exists=False).put("one")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", StoreRefused),
        ("ExpiredTokenException", StoreUnreachable),
        ("InvalidParameterException", EventsRefused),
    ],
)
def test_refused_batch_is_an_error_in_words(code: str, kind: type[LifecycleError]) -> None:
    with pytest.raises(kind) as failed:
        Group(fails=code).put("one")
    assert GROUP in str(failed.value)


def test_batch_that_is_there_already_counts_as_sent() -> None:
    Group(fails="DataAlreadyAcceptedException").put("one")


def test_rejected_events_are_reported() -> None:
    with pytest.raises(EventsRefused, match="clock"):
        Group(rejected={"tooNewLogEventStartIndex": 0}).put("one")
