"""No event gets in that no record can hold: half a character, a huge number, or too many levels."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from lifecycle.domain.delivery.webhook_secrets import OTHERS, WebhookSecrets
from lifecycle.domain.errors import InvalidEvent
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.foreign_json import LARGEST_NUMBER
from lifecycle.entrypoints import bootstrap, delivery_events, events, status_events, widget
from lifecycle.entrypoints.events import Decide, Promote, RequestDeployment
from lifecycle.entrypoints.handler import command, parse
from lifecycle.entrypoints.recordable import Recordable
from lifecycle.gateways.aws.callers import command_digest
from tests.fakes.builds import MemoryBuilds
from tests.support.account import CALLERS, COMMANDS, CURRENT, HELLO, Account, calls, handler
from tests.support.invocation import Invocation

HALF = "\ud800"
MODULES = (delivery_events, events, status_events, widget)
KINDS = {
    each
    for module in MODULES
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Recordable)
}
SECRET = "secret"


def fields() -> Iterator[Any]:
    for kind in sorted(KINDS, key=lambda each: each.__name__):
        for name in kind.model_fields:
            yield pytest.param(kind, name, id=f"{kind.__name__}.{name}")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account.of()
    made.use(monkeypatch)
    return made


def refused(account: Account) -> list[str]:
    return [entry.what for entry in account.context.audit_log.read(HELLO) if entry.what.startswith("refused")]


@pytest.mark.parametrize("value", [HALF, [HALF], {"key": HALF}, {HALF: "value"}, 2**70, {"key": [[-(2**70)]]}])
@pytest.mark.parametrize(("kind", "name"), fields())
def test_field_refuses_what_no_record_can_hold(kind: type[Recordable], name: str, value: object) -> None:
    with pytest.raises(ValidationError) as found:
        kind.model_validate({"deployment": CURRENT, name: value})
    message = str(found.value)
    message.encode()
    assert name in message
    assert "half a character" in message or f"a number above {LARGEST_NUMBER}" in message


def test_every_field_of_the_events_is_tested() -> None:
    assert {Decide, Promote, RequestDeployment, widget.Button, widget.WidgetCall} <= KINDS
    assert len(list(fields())) > 150


def test_name_of_a_field_that_is_half_a_character_is_refused_in_words() -> None:
    with pytest.raises(InvalidEvent) as found:
        parse(Promote, {HALF: 1})
    str(found.value).encode()


@pytest.mark.parametrize("value", [HALF, "\U0001f680" + HALF, 2**70])
@pytest.mark.parametrize("phase", sorted(COMMANDS))
def test_command_with_half_a_character_in_any_field_is_answered_and_on_record(
    account: Account, phase: str, value: object
) -> None:
    usual = (calls(phase) or [{"service": "hello", "environment": "production"}])[0]
    usual = {"service": "hello", "environment": "production", **usual}
    for name in {**usual, "by": "", "requested_by": "", "why": "", "reason": ""}:
        account.clock.sleep(1)
        before, event = refused(account), {**usual, name: value}
        # What names the cluster is wrong itself: each cluster has the entry.
        proof = CALLERS.sign(command_digest(f"lifecycle-{phase}", event))
        found = handler(phase).handle({**event, "proof": proof}, Invocation(f"lifecycle-{phase}"))
        json.dumps(found, ensure_ascii=False).encode()
        assert set(found) == {"error"}, name
        if name not in ("service", "environment", "scope", "run"):
            assert len(refused(account)) == len(before) + 1, name


def test_event_of_too_many_levels_is_answered() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    answer = command(Decide)(lambda _: "done")({"deployment": deep}, Invocation("lifecycle-decide"))
    assert set(answer) == {"error"}


@pytest.mark.parametrize("name", ["deployment", "why", "host", "by", "service", "run"])
def test_button_with_half_a_character_is_refused_in_words_and_on_record(account: Account, name: str) -> None:
    event = {"action": "pause", "service": "hello", "environment": "production", name: HALF}
    drawn = handler("act").handle(event, Invocation("lifecycle-act"))
    drawn.encode()
    assert "half a character" in drawn
    assert "unexpectedly" not in drawn
    if name != "service":
        assert refused(account) == ["refused: pause"]


def webhook(**changes: Any) -> dict[str, Any]:
    """Return a signed push, with changes in its repository."""
    repository = {"full_name": "acme/hello", "clone_url": "https://x.test/acme/hello", "default_branch": "main"}
    repository |= changes
    push = {"ref": f"refs/heads/{repository['default_branch']}", "after": "a" * 40, "repository": repository}
    body = json.dumps(push)
    signature = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": "push", "X-GitHub-Delivery": "1"}
    return {"headers": {**headers, "content-type": "application/json"}, "body": body}


@pytest.mark.parametrize(
    "changes",
    [
        {"default_branch": HALF},
        {"default_branch": "x" * 3_000},
        {"clone_url": f"https://x.test/{HALF}/acme/hello"},
        {"clone_url": f"https://x.test/{'€' * 980}/acme/hello"},
        {"more": HALF},
    ],
)
def test_signed_webhook_that_no_record_can_hold_is_answered_and_among_the_refused(
    account: Account, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr(bootstrap, "webhook_secrets", lambda: WebhookSecrets({OTHERS: (SECRET,)}))
    answer = handler("receive_push").handle(webhook(**changes), Invocation("lifecycle-receive-push"))
    assert answer["statusCode"] == 400
    why = json.loads(answer["body"])["error"]
    assert account.catalogue.refused_pushes()[-1].why == why[:400]


@pytest.mark.parametrize("detail", [None, {}, {"repositoryName": "hello"}, {"commitId": HALF}])
def test_event_that_is_none_of_codecommit_is_answered(account: Account, detail: Any) -> None:
    event = {"source": "aws.codecommit", "region": "eu-central-1", "detail": detail}
    answer = handler("receive_push").handle(event, Invocation("lifecycle-receive-push"))
    assert answer["statusCode"] in (202, 400)
    assert account


@pytest.mark.parametrize("name", ["body", "headers", "queryStringParameters", "isBase64Encoded"])
@pytest.mark.parametrize("value", [7, "text", ["text"], {"repository": 7}, {"x": None}])
def test_webhook_of_another_form_is_answered(
    account: Account, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setattr(bootstrap, "webhook_secrets", lambda: WebhookSecrets({OTHERS: (SECRET,)}))
    answer = handler("receive_push").handle({**webhook(), name: value}, Invocation("lifecycle-receive-push"))
    assert answer["statusCode"] in (202, 400, 401)
    assert account


@pytest.mark.parametrize("repository", [f"https://x.test/{HALF}", f"https://x.test/{'€' * 990}"])
def test_run_whose_repository_no_record_can_hold_is_refused_and_on_record(
    account: Account, monkeypatch: pytest.MonkeyPatch, repository: str
) -> None:
    monkeypatch.setattr(bootstrap, "builds", MemoryBuilds)
    event = {
        "execution": "hello-" + "a" * 40, "started": "2026-11-23T12:00:00+00:00", "repository": repository,
        "name": "hello", "commit": "a" * 40, "branch": "main",
    }  # fmt: skip
    answer = handler("start_build").handle(event, Invocation("lifecycle-start-build"))
    json.dumps(answer, ensure_ascii=False).encode()
    assert answer["kind"] == "REFUSED"
    entries = account.context.audit_log.read(Cluster("production", "hello"))
    assert any(each.what.startswith("refused to start the run hello-aaa") for each in entries)
