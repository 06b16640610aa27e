"""Answers of AWS to an agent: what passes is tried again, and everything else is an error in words."""

from collections.abc import Callable
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError, ResponseStreamingError

from apps.agent.aws import DynamoReports, DynamoTurns, S3Releases
from apps.agent.errors import StoreUnreachable
from lifecycle.domain.errors import StoreRefused, Unknown
from tests.support.account import HELLO

PASSING = (
    "ThrottlingException",
    "Throttling",
    "RequestThrottled",
    "SlowDown",
    "ExpiredTokenException",
    "ExpiredToken",
)
LASTING = {
    "AccessDeniedException": "permission",
    "ResourceNotFoundException": "not installed",
    "NoSuchBucket": "deploy its stacks",
}


class Stores:
    """DynamoDB and S3, which raise one error, or end a body with one."""

    def __init__(self, error: Exception, *, within: bool = False) -> None:
        self._error = error
        self._within = within

    def get_item(self, **_: Any) -> Any:
        raise self._error

    def get_object(self, **_: Any) -> Any:
        if not self._within:
            raise self._error
        return {"Body": self}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: there is no connection."""

    def iter_chunks(self, _: int) -> Any:
        yield b"{"
        raise self._error


def refused(code: str, status: int = 400, operation: str = "GetItem") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


def reads(stores: Stores) -> list[Callable[[], object]]:
    releases = S3Releases(lambda: stores, "artifacts")
    return [
        DynamoTurns(stores, "ledger", HELLO, "host-1").current,
        DynamoReports(stores, "ledger", HELLO, "host-1").latest,
        lambda: releases.manifest("hello", "1.0.1"),
        lambda: releases.copy_artifact("hello", "1.0.1", bytes),
    ]


@pytest.mark.parametrize("error", [*map(refused, PASSING), refused("InternalError", 500), NoCredentialsError()])
def test_answer_that_passes_ends_no_command(error: Exception) -> None:
    for read in reads(Stores(error)):
        with pytest.raises(StoreUnreachable, match="the agent retries"):
            read()


@pytest.mark.parametrize("code", LASTING)
def test_lasting_answer_says_what_to_do(code: str) -> None:
    for read in reads(Stores(refused(code))):
        with pytest.raises(StoreRefused, match=f"refused the agent: .*{LASTING[code]}"):
            read()


@pytest.mark.parametrize("error", [ReadTimeoutError(endpoint_url="u"), ResponseStreamingError(error="cut")])
def test_artifact_that_is_cut_off_is_fetched_again(error: Exception) -> None:
    for read in reads(Stores(error, within=True))[2:]:
        with pytest.raises(StoreUnreachable):
            read()


def test_missing_release_is_unknown() -> None:
    for read in reads(Stores(refused("NoSuchKey", 404)))[2:]:
        with pytest.raises(Unknown):
            read()
