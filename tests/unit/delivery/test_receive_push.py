"""A webhook is accepted only if it is signed, small enough, and of the default branch; it starts one run."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from lifecycle.application.delivery.github_push import LARGEST_BODY, receive_github
from lifecycle.application.delivery.receive_push import MOST_RUNS, Push, Response, codecommit_push
from lifecycle.domain.delivery.clone_url import clone_url
from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.executions import MemoryExecutions
from tests.fakes.repositories import MemoryRepositories

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "a secret"
CODECOMMIT = "https://git-codecommit.eu-west-1.amazonaws.com"
COMMIT = "0123456789" * 4
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def repository_of(name: str) -> dict[str, Any]:
    return {"full_name": name, "clone_url": f"https://example.test/{name}.git", "default_branch": "main"}


def event(**changes: Any) -> dict[str, Any]:
    repository = repository_of("acme/hello")
    whole = {"ref": "refs/heads/main", "after": COMMIT, "repository": repository, "pusher": {"name": "ada"}}
    return {**whole, **changes}


def deliver(
    body: bytes,
    executions: MemoryExecutions,
    secret: str = SECRET,
    kind: str = "push",
    delivery: str = "1",
    content_type: str = JSON,
    claimed: str = "",
    known: str = SECRET,
    catalogue: MemoryCatalogue | None = None,
) -> Response:
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": signature, "x-github-event": kind, "x-github-delivery": delivery}
    secrets = WebhookSecrets.parse(known)
    headers["content-type"] = content_type
    return receive_github(headers, body, claimed, secrets, executions, catalogue or MemoryCatalogue(), NOW)


def as_bytes(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


def test_signed_push_starts_one_delivery() -> None:
    executions = MemoryExecutions()
    assert deliver(as_bytes(), executions).status == 202
    (run,) = executions.deliveries.items()
    assert run[0] == f"hello-{COMMIT}"
    assert run[1]["repository"] == "https://example.test/acme/hello.git"


def test_same_commit_starts_one_delivery_and_reports_the_repeat() -> None:
    executions = MemoryExecutions()
    deliver(as_bytes(), executions)
    assert "pushed before" in deliver(as_bytes(), executions).body["message"]
    assert len(executions.deliveries) == 1


def test_forged_signature_starts_nothing() -> None:
    executions = MemoryExecutions()
    assert deliver(as_bytes(), executions, secret="a guess").status == 401
    assert executions.deliveries == {}


@pytest.mark.parametrize("header", ["", "sha256=", "sha1=abc", "sha256=é"])
def test_missing_or_unknown_signature_starts_nothing(header: str) -> None:
    executions = MemoryExecutions()
    headers = {"x-hub-signature-256": header, "x-github-event": "push", "content-type": JSON}
    found = receive_github(headers, as_bytes(), "", WebhookSecrets.parse(SECRET), executions, MemoryCatalogue(), NOW)
    assert (found.status, executions.deliveries) == (401, {})


def test_signature_is_checked_before_the_body_is_parsed() -> None:
    assert deliver(b"{not json", MemoryExecutions(), secret="a guess").status == 401


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
        as_bytes(repository={**repository_of("a/x"), "clone_url": "--upload-pack=evil"}),
        as_bytes(repository={**repository_of("a/x"), "clone_url": "https://a b"}),
        as_bytes(repository={**repository_of("a/x"), "clone_url": "https://forge.test@evil.test/a/x"}),
        as_bytes(repository={**repository_of("repos/x"), "clone_url": f"{CODECOMMIT}/v1/repos/x"}),
        as_bytes(repository={**repository_of("a/x"), "clone_url": "https://example.test/b/x.git"}),
        *(as_bytes(repository=repository_of(name)) for name in ("x", "a/b/x", "a/", "a/x y", "a/..;x")),
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


@pytest.mark.parametrize("branch", ["main", "trunk", "release/2"])
def test_codecommit_event_of_the_default_branch_gives_the_same_push(branch: str) -> None:
    """Case 15: the default branch has any name."""
    detail = {
        "event": "referenceUpdated",
        "referenceType": "branch",
        "referenceName": branch,
        "repositoryName": "hello",
        "commitId": COMMIT,
        "callerUserArn": "arn:aws:iam::111122223333:user/ada",
    }
    given = {"source": "aws.codecommit", "region": "eu-west-1", "id": "7", "detail": detail}
    repositories = MemoryRepositories({"hello": branch})
    found = codecommit_push(given, repositories)
    assert isinstance(found, Push)
    assert found.repository == "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/hello"
    assert found.execution == f"hello-{COMMIT}"
    assert found.branch == branch
    for other, why in (
        ({"referenceName": "feature"}, f"ignored: feature is not the default branch {branch} of hello"),
        ({"referenceType": "tag"}, f"ignored: referenceUpdated of the tag {branch}"),
        ({"event": "referenceDeleted"}, f"ignored: referenceDeleted of the branch {branch}"),
    ):
        assert codecommit_push({**given, "detail": {**detail, **other}}, repositories) == why


def test_codecommit_in_china_has_its_own_domain() -> None:
    detail = {
        "event": "referenceUpdated",
        "referenceType": "branch",
        "referenceName": "main",
        "repositoryName": "hello",
        "commitId": COMMIT,
    }
    event = {"region": "cn-north-1", "id": "7", "detail": detail}
    found = codecommit_push(event, MemoryRepositories({"hello": "main"}))
    assert isinstance(found, Push)
    assert found.repository == "https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/hello"
    assert clone_url(found.repository) == found.repository


def test_failed_delivery_is_repeated_when_its_commit_is_pushed_again() -> None:
    executions = MemoryExecutions()
    deliver(as_bytes(), executions)
    executions.failed.add(f"hello-{COMMIT}")
    again = deliver(as_bytes(), executions, delivery="2")
    assert again.body == {"message": "started", "run": f"hello-{COMMIT}_2"}
    assert "pushed before" in deliver(as_bytes(), executions, delivery="3").body["message"]


def test_push_whose_names_are_all_taken_is_refused_after_a_hundred() -> None:
    """Runs of another repository, which a person may start under these names."""
    executions, name = MemoryExecutions(), f"hello-{COMMIT}"
    for number in range(1, 201):
        executions.start_delivery(name if number == 1 else f"{name}_{number}", {"repository": "another"})
    refused = deliver(as_bytes(), executions)
    assert (refused.status, executions.described) == (409, 100)
    assert "and 100 in all" in refused.body["error"]


def test_replayed_delivery_whose_run_failed_starts_nothing_in_two_calls_each_time() -> None:
    executions = MemoryExecutions()
    run = deliver(as_bytes(), executions).body["run"]
    executions.failed.add(run)
    for _ in range(200):
        found = deliver(as_bytes(), executions)
        assert (found.status, found.body["run"]) == (202, run)
        assert f"lifecycle build --again {run}" in found.body["message"]
    assert (len(executions.deliveries), executions.described) == (1, 200)


def test_replayed_delivery_is_recognised_after_later_runs_of_its_commit() -> None:
    executions = MemoryExecutions()
    for delivery in "12":
        executions.failed.add(deliver(as_bytes(), executions, delivery=delivery).body["run"])
    assert deliver(as_bytes(), executions, delivery="1").body["run"] == f"hello-{COMMIT}"
    assert deliver(as_bytes(), executions, delivery="2").body["run"] == f"hello-{COMMIT}_2"
    assert len(executions.deliveries) == 2


def test_pushes_start_a_limited_number_of_runs_of_a_commit_that_fails() -> None:
    executions = MemoryExecutions()
    found = [deliver(as_bytes(), executions, delivery=str(number)) for number in range(1)]
    for number in range(1, MOST_RUNS + 20):
        executions.failed.update(executions.deliveries)
        found.append(deliver(as_bytes(), executions, delivery=str(number)))
    assert [each.status for each in found] == [202] * MOST_RUNS + [409] * 20
    assert len(executions.deliveries) == MOST_RUNS
    assert executions.described <= MOST_RUNS * len(found)
    assert f"at most {MOST_RUNS} runs" in found[-1].body["error"]


def test_delivery_without_an_id_is_refused() -> None:
    executions = MemoryExecutions()
    assert deliver(as_bytes(), executions, delivery="").status == 400
    assert executions.deliveries == {}


def test_same_commit_of_two_owners_repositories_gets_a_run_for_each() -> None:
    executions = MemoryExecutions()
    pushes = [as_bytes(repository=repository_of(name)) for name in ("acme/shop", "evil/shop")]
    runs = [deliver(body, executions, delivery=str(n)).body["run"] for n, body in enumerate(pushes, 1)]
    cloned = {name: each["repository"] for name, each in executions.deliveries.items()}
    assert cloned == dict(
        zip(runs, [f"https://example.test/{name}.git" for name in ("acme/shop", "evil/shop")], strict=True)
    )
    again = [deliver(body, executions, delivery=str(n)).body["run"] for n, body in enumerate(pushes, 3)]
    assert again == runs


def test_failed_runs_of_another_owner_do_not_count() -> None:
    executions = MemoryExecutions()
    evil, acme = (as_bytes(repository=repository_of(name)) for name in ("evil/shop", "acme/shop"))
    for number in range(MOST_RUNS):
        executions.failed.add(deliver(evil, executions, delivery=f"e{number}").body["run"])
    assert deliver(evil, executions, delivery="e9").status == 409
    assert deliver(acme, executions, delivery="a1").body["message"] == "started"


def test_body_of_a_form_is_read() -> None:
    executions = MemoryExecutions()
    body = urlencode({"payload": as_bytes(head_commit={"message": "ü & ="}).decode()}).encode()
    assert deliver(body, executions, content_type=FORM).body["message"] == "started"
    assert list(executions.deliveries) == [f"hello-{COMMIT}"]
    assert deliver(urlencode({"payload": "{}"}).encode(), executions, content_type=FORM, kind="ping").status == 202


@pytest.mark.parametrize("body", [b"", b"payload", b"other=1", b"payload=", b"payload=%7B", b"payload=[]", b"\xff=1"])
def test_form_without_an_event_is_a_400(body: bytes) -> None:
    assert deliver(body, MemoryExecutions(), content_type=FORM).status == 400


@pytest.mark.parametrize("kind", ["ping", "push"])
@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data"])
def test_other_content_type_is_refused_at_the_ping_already(kind: str, content_type: str) -> None:
    found = deliver(as_bytes(), MemoryExecutions(), kind=kind, content_type=content_type)
    assert (found.status, "application/json" in found.body["error"]) == (400, True)


def test_push_of_2048_commits_is_taken() -> None:
    commits = [{"id": COMMIT, "message": "m" * 700} for _ in range(2048)]
    body = as_bytes(commits=commits)
    assert len(body) > 1_500_000
    assert deliver(body, MemoryExecutions()).body["message"] == "started"


def test_largest_body_is_that_of_lambda() -> None:
    # A body that is read is refused for what is in it, not for its size.
    assert deliver(b" " * LARGEST_BODY, MemoryExecutions()).status == 400
    assert deliver(b" " * (LARGEST_BODY + 1), MemoryExecutions()).status == 413
    assert LARGEST_BODY > 6_000_000


@pytest.mark.parametrize(("kind", "status"), [("ping", 202), ("issues", 202)])
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
