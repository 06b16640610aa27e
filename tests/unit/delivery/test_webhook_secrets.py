"""A repository may have a secret of its own, or two while they are rotated; nobody signs for another one."""

import json

import pytest

from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from lifecycle.entrypoints.recent import Recent
from tests.fakes.executions import MemoryExecutions
from tests.unit.delivery.test_receive_push import as_bytes, deliver, repository_of

OWN = json.dumps({"*": "for all", "acme/shop": ["new", "old"], "Acme/Pay": "pay"})


def status(name: str, secret: str, claimed: str, kind: str = "push", known: str = OWN) -> int:
    executions = MemoryExecutions()
    body = as_bytes(repository=repository_of(name))
    found = deliver(body, executions, secret=secret, claimed=claimed, known=known, kind=kind)
    assert bool(executions.deliveries) is (found.status == 202)
    return found.status


@pytest.mark.parametrize("secret", ["new", "old"])
def test_both_secrets_of_a_rotation_sign(secret: str) -> None:
    assert status("acme/shop", secret, "acme/shop") == 202


@pytest.mark.parametrize(("name", "claimed"), [("Acme/Shop", "acme/shop"), ("acme/shop", "ACME/SHOP")])
def test_names_of_repositories_have_no_case(name: str, claimed: str) -> None:
    assert status(name, "new", claimed) == 202


@pytest.mark.parametrize(
    ("name", "secret", "claimed"),
    [
        ("acme/shop", "for all", "acme/shop"),
        ("acme/shop", "for all", ""),  # the secret of all must not sign for a repository with its own
        ("acme/shop", "pay", "acme/pay"),
        ("acme/other", "pay", "acme/pay"),
        ("acme/shop", "oldest", "acme/shop"),
        ("acme/shop", "", "acme/shop"),
    ],
)
@pytest.mark.parametrize("kind", ["ping", "push"])
def test_secret_of_another_repository_signs_nothing(name: str, secret: str, claimed: str, kind: str) -> None:
    executions = MemoryExecutions()
    body = as_bytes(repository=repository_of(name))
    assert deliver(body, executions, secret=secret, claimed=claimed, known=OWN, kind=kind).status == 401
    assert executions.deliveries == {}


def test_ping_of_a_webhook_whose_url_names_no_repository_says_so() -> None:
    body = as_bytes(repository=repository_of("acme/shop"))
    found = deliver(body, MemoryExecutions(), secret="for all", known=OWN, kind="ping")
    assert found.body["error"].endswith("?repository=acme/shop")


@pytest.mark.parametrize("claimed", ["", "acme/other", "acme/any"])
def test_repository_without_a_secret_of_its_own_has_that_of_all(claimed: str) -> None:
    assert status("acme/other", "for all", claimed) == 202


@pytest.mark.parametrize("entry", ["", " ", [], [""], 7, None, {"secret": "x"}, [["x"]]])
def test_entry_without_a_secret_signs_nothing(entry: object) -> None:
    known = json.dumps({"*": "for all", "acme/shop": entry})
    for secret in ("", " ", "for all", "7", "x"):
        assert (
            deliver(
                as_bytes(repository=repository_of("acme/shop")),
                MemoryExecutions(),
                secret=secret,
                claimed="acme/shop",
                known=known,
            ).status
            == 401
        )


def test_plain_text_is_the_secret_of_all() -> None:
    for text in ("plain", "{not json", '["a"]', "1"):
        assert WebhookSecrets.parse(text).of("acme/shop") == (text,)
    assert WebhookSecrets.parse("").of("acme/shop") == ()


def test_document_without_an_entry_for_all_signs_for_no_other_repository() -> None:
    assert WebhookSecrets.parse(json.dumps({"acme/shop": "own"})).of("acme/other") == ()


def test_running_process_heeds_a_rotation_within_a_minute() -> None:
    stored, now, reads = ["first"], [1000.0], [0]

    def read() -> str:
        reads[0] += 1
        return stored[0]

    recent = Recent(read, seconds=30, clock=lambda: now[0])
    assert [recent.value(), recent.value()] == ["first", "first"]
    assert reads == [1]
    stored[0] = "second"
    now[0] += 30
    assert recent.value() == "first"
    now[0] += 1
    assert recent.value() == "second"


def test_old_value_is_not_used_when_it_cannot_be_read_again() -> None:
    answers, now = iter(["first"]), [0.0]
    recent = Recent(lambda: next(answers), seconds=30, clock=lambda: now[0])
    assert recent.value() == "first"
    now[0] = 31.0
    with pytest.raises(StopIteration):
        recent.value()
