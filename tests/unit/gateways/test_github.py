"""GitHub's API: what it is sent, each kind of failure in bounded time, and a token that no text has."""

import json
from collections.abc import Iterator

import pytest

from lifecycle.domain.delivery.forge_status import CommitState, CommitStatus, ForgeDeployment, ForgeDeploymentState
from lifecycle.domain.delivery.forge_tokens import ForgeTokens
from lifecycle.domain.errors import ForgeFailed
from lifecycle.gateways import github
from lifecycle.gateways.github import GitHubForge
from tests.support.github_server import SHOP, TOKEN, GitHubServer, a_server, forge_of, serving

COMMIT = "a" * 40
STATUS = CommitStatus("lifecycle/build", CommitState.SUCCESS, "shop 1.0.0", "https://console.test/run")
DEPLOYED = ForgeDeployment("production", ForgeDeploymentState.SUCCESS, "1.0.0 was rolled out")


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with serving(a_server()) as found:
        yield found


def failure(server: GitHubServer) -> ForgeFailed:
    with pytest.raises(ForgeFailed) as error:
        forge_of(server).set_status(SHOP, COMMIT, STATUS)
    assert TOKEN not in f"{error.value!r} {error.value.__cause__!r}"
    return error.value


def test_status_has_the_fields_that_github_documents(server: GitHubServer) -> None:
    forge_of(server).set_status(SHOP, COMMIT, STATUS)
    ((path, headers, body),) = server.requests
    assert path == f"/repos/acme/shop/statuses/{COMMIT}"
    assert json.loads(body) == {
        "state": "success",
        "context": "lifecycle/build",
        "description": "shop 1.0.0",
        "target_url": "https://console.test/run",
    }
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["x-github-api-version"] == "2022-11-28"


def test_deployment_merges_nothing_and_waits_for_no_status(server: GitHubServer) -> None:
    forge_of(server).create_deployment(SHOP, COMMIT, DEPLOYED)
    given = json.loads(server.requests[0][2])
    assert (given["ref"], given["auto_merge"], given["required_contexts"]) == (COMMIT, False, [])


@pytest.mark.parametrize(
    ("status", "headers", "problem", "pause"),
    [
        (401, {}, "token", 0),
        (403, {}, "permission", 0),
        (403, {"retry-after": "120"}, "limit", 120),
        (403, {"x-ratelimit-remaining": "0"}, "limit", 60),
        (429, {"retry-after": "99999999"}, "limit", 3600),
        (404, {}, "unknown", 0),
        (422, {}, "refused", 0),
        (500, {}, "unreachable", 0),
        (503, {"retry-after": "7"}, "unreachable", 7),
        (202, {}, "answer", 0),
        (299, {}, "answer", 0),
        (301, {"location": "https://elsewhere.test/x"}, "moved", 0),
        (307, {}, "answer", 0),
    ],
)
def test_each_failure_has_a_word_and_the_pause_that_github_asks_for(
    server: GitHubServer, status: int, headers: dict[str, str], problem: str, pause: float
) -> None:
    server.answers = [(status, {"message": TOKEN}, headers)] * 2
    error = failure(server)
    assert (error.problem, error.pause_seconds) == (problem, pause)


def test_call_is_made_once_whatever_the_answer(server: GitHubServer) -> None:
    for status in (401, 403, 404, 422, 429, 500):
        server.answers, server.requests = [(status, {}, {})], []
        failure(server)
        assert len(server.requests) == 1


def test_call_of_a_renamed_repository_follows_within_the_api(server: GitHubServer) -> None:
    server.moved, server.commits["acme/store"] = {SHOP: "acme/store"}, {COMMIT}
    server.tokens[TOKEN].add("acme/store")
    forge_of(server).set_status(SHOP, COMMIT, STATUS)
    assert server.statuses["acme/store", COMMIT][0]["state"] == "success"


def test_token_is_not_sent_to_another_address(server: GitHubServer) -> None:
    with serving(a_server()) as other:
        server.answers = [(307, {}, {"location": f"{other.url}/repos/acme/shop/statuses/{COMMIT}"})]
        assert failure(server).problem == "moved"
        assert other.requests == []


def test_token_for_statuses_alone_fails_at_deployments(server: GitHubServer) -> None:
    server.limited = {TOKEN}
    forge_of(server).set_status(SHOP, COMMIT, STATUS)
    with pytest.raises(ForgeFailed) as error:
        forge_of(server).create_deployment(SHOP, COMMIT, DEPLOYED)
    assert error.value.problem == "permission"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": "seven"}', b'{"id": 0}', b"<html>", b"[" * 100_000])
def test_deployment_without_a_number_is_a_failure(server: GitHubServer, body: bytes) -> None:
    server.answers = [(201, body, {})]
    with pytest.raises(ForgeFailed) as error:
        forge_of(server).create_deployment(SHOP, COMMIT, DEPLOYED)
    assert error.value.problem == "answer"


def test_forge_that_does_not_answer_fails_in_time(server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "_TIMEOUT", 0.2)
    server.silent = True
    assert failure(server).problem == "unreachable"


def test_forge_that_answers_a_byte_at_a_time_fails_in_time(
    server: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github, "_DEADLINE", 0.4)
    server.trickling = True
    with pytest.raises(ForgeFailed):
        forge_of(server).create_deployment(SHOP, COMMIT, DEPLOYED)


def test_closed_port_is_an_unreachable_forge() -> None:
    with serving(a_server()) as server:
        url = server.url
    forge = GitHubForge(lambda: ForgeTokens.parse(TOKEN), url)
    with pytest.raises(ForgeFailed) as error:
        forge.set_status(SHOP, COMMIT, STATUS)
    assert error.value.problem == "unreachable"


def test_no_text_of_the_tokens_has_a_token() -> None:
    tokens = ForgeTokens.parse(json.dumps({"acme/shop": TOKEN}))
    assert tokens.of("ACME/Shop") == TOKEN
    assert TOKEN not in f"{tokens} {tokens!r}"


@pytest.mark.parametrize("text", ["", "  ", "a b", "a\nb: c", "{}", '{"*": ""}', '{"*": 7}', "é", "x" * 501])
def test_text_that_is_no_token_serves_nobody(text: str) -> None:
    tokens = ForgeTokens.parse(text)
    assert not tokens.any
    assert tokens.of("acme/shop") == ""


def test_token_may_end_with_a_new_line() -> None:
    assert ForgeTokens.parse(f"{TOKEN}\n").of("any/repository") == TOKEN
