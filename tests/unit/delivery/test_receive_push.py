"""A webhook is accepted only if it is signed, small enough, and of the default branch."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from lifecycle.application.delivery.receive_push import (
    LARGEST_BODY,
    Push,
    Response,
    codecommit_push,
    receive_github,
)
from tests.fakes.executions import MemoryExecutions

SECRET = b"a secret"
COMMIT = "0123456789" * 4


def event(**changes: Any) -> dict[str, Any]:
    repository = {"name": "hello", "clone_url": "https://example.test/hello.git", "default_branch": "main"}
    whole = {"ref": "refs/heads/main", "after": COMMIT, "repository": repository, "pusher": {"name": "ada"}}
    return {**whole, **changes}


def deliver(body: bytes, executions: MemoryExecutions, secret: bytes = SECRET, kind: str = "push") -> Response:
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": signature, "x-github-event": kind, "x-github-delivery": "1"}
    return receive_github(headers, body, SECRET, executions)


def as_bytes(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


def test_signed_push_starts_one_delivery() -> None:
    executions = MemoryExecutions()
    assert deliver(as_bytes(), executions).status == 202
    (run,) = executions.deliveries.items()
    assert run[0] == f"hello-{COMMIT}"
    assert run[1]["repository"] == "https://example.test/hello.git"


def test_same_commit_starts_one_delivery_and_reports_the_repeat() -> None:
    executions = MemoryExecutions()
    deliver(as_bytes(), executions)
    assert "pushed before" in deliver(as_bytes(), executions).body["message"]
    assert len(executions.deliveries) == 1


def test_forged_signature_starts_nothing() -> None:
    executions = MemoryExecutions()
    assert deliver(as_bytes(), executions, secret=b"a guess").status == 401
    assert executions.deliveries == {}


@pytest.mark.parametrize("header", ["", "sha256=", "sha1=abc", "sha256=é"])
def test_missing_or_unknown_signature_starts_nothing(header: str) -> None:
    executions = MemoryExecutions()
    found = receive_github({"x-hub-signature-256": header}, as_bytes(), SECRET, executions)
    assert (found.status, executions.deliveries) == (401, {})


def test_signature_is_checked_before_the_body_is_parsed() -> None:
    assert deliver(b"{not json", MemoryExecutions(), secret=b"a guess").status == 401


def test_oversized_body_starts_nothing() -> None:
    executions = MemoryExecutions()
    assert deliver(b" " * (LARGEST_BODY + 1), executions).status == 413
    assert executions.deliveries == {}


@pytest.mark.parametrize(
    "body",
    [
        b"{not json",
        b"[]",
        b"{}",
        as_bytes(after="not a commit"),
        as_bytes(after=7),
        as_bytes(pusher="ada"),
        b"[" * 100_000,
        as_bytes(repository={"name": "x", "clone_url": "--upload-pack=evil", "default_branch": "main"}),
        as_bytes(repository={"name": "x", "clone_url": "https://a b", "default_branch": "main"}),
    ],
)
def test_signed_body_without_a_push_event_is_a_400(body: bytes) -> None:
    executions = MemoryExecutions()
    assert deliver(body, executions).status == 400
    assert executions.deliveries == {}


@pytest.mark.parametrize(
    "changes",
    [{"ref": "refs/heads/feature"}, {"ref": "refs/tags/main"}, {"deleted": True}, {"after": "0" * 40}],
)
def test_other_branches_tags_and_deletions_are_ignored(changes: dict[str, Any]) -> None:
    executions = MemoryExecutions()
    found = deliver(as_bytes(**changes), executions)
    assert (found.status, executions.deliveries) == (202, {})
    assert "ignored" in found.body["message"]


def test_ping_is_answered() -> None:
    assert deliver(b"{}", MemoryExecutions(), kind="ping").body == {"message": "pong"}


def test_other_event_is_ignored() -> None:
    assert "'issues' is not a push event" in deliver(b"{}", MemoryExecutions(), kind="issues").body["message"]


def test_codecommit_event_gives_the_same_push() -> None:
    detail = {
        "event": "referenceUpdated",
        "referenceName": "main",
        "repositoryName": "hello",
        "commitId": COMMIT,
        "callerUserArn": "arn:aws:iam::111122223333:user/ada",
    }
    found = codecommit_push({"source": "aws.codecommit", "region": "eu-west-1", "id": "7", "detail": detail})
    assert isinstance(found, Push)
    assert found.repository == "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/hello"
    assert found.execution == f"hello-{COMMIT}"
    assert "ignored" in str(codecommit_push({"region": "r", "detail": {**detail, "referenceName": "feature"}}))


def test_failed_delivery_is_repeated_when_its_commit_is_pushed_again() -> None:
    executions = MemoryExecutions()
    deliver(as_bytes(), executions)
    executions.failed.add(f"hello-{COMMIT}")
    assert deliver(as_bytes(), executions).body == {"message": "started", "run": f"hello-{COMMIT}_2"}
    assert "pushed before" in deliver(as_bytes(), executions).body["message"]


def test_largest_body_has_a_million_bytes() -> None:
    # A body that is read is refused for what is in it, not for its size.
    assert deliver(b" " * 1_000_000, MemoryExecutions()).status == 400
    assert deliver(b" " * 1_000_001, MemoryExecutions()).status == 413


@pytest.mark.parametrize(("kind", "status"), [("ping", 200), ("issues", 202)])
def test_other_event_is_answered_and_starts_nothing(kind: str, status: int) -> None:
    executions = MemoryExecutions()
    assert deliver(as_bytes(), executions, kind=kind).status == status
    assert executions.deliveries == {}


@pytest.mark.parametrize("ref", ["main", "refs/tags/main", "refs/heads/other"])
def test_ref_that_is_not_the_default_branch_starts_nothing(ref: str) -> None:
    executions = MemoryExecutions()
    found = deliver(as_bytes(ref=ref), executions)
    assert (found.status, executions.deliveries) == (202, {})
    assert f"ignored: {ref} is not the default branch main" in found.body["message"]


def test_push_whose_head_commit_asks_for_no_build_is_recorded_and_says_so() -> None:
    executions = MemoryExecutions()
    found = deliver(as_bytes(head_commit={"message": "Fix a typo [skip ci]"}), executions)
    assert found.body["message"] == "no build: the message of the head commit has [skip ci]"
    assert executions.deliveries[found.body["run"]]["skip"] == "[skip ci]"


@pytest.mark.parametrize("head", [None, {}, {"message": "Fix a typo"}])
def test_other_push_is_delivered_with_the_same_input_as_before(head: object) -> None:
    executions = MemoryExecutions()
    assert deliver(as_bytes(head_commit=head), executions).body["message"] == "started"
    (given,) = executions.deliveries.values()
    assert set(given) == {"repository", "name", "commit", "branch", "pusher", "delivery"}
