"""A repository may have a secret of its own, or two while they are rotated; nobody signs for another one."""

import json

import pytest

from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from lifecycle.entrypoints.recent import Recent
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.executions import MemoryExecutions
from tests.unit.delivery.test_receive_push import CODECOMMIT, as_bytes, deliver, repository_of

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


FORGES = json.dumps({"*": "for all", "acme/shop": "github's", "git.example.test:8443/acme/shop": "ours"})
OURS = {
    "full_name": "acme/shop",
    "clone_url": "https://git.example.test:8443/acme/shop.git",
    "default_branch": "main",
}


@pytest.mark.parametrize(
    ("repository", "secret", "claimed", "status"),
    [
        (OURS, "ours", "git.example.test:8443/acme/shop", 202),
        (OURS, "ours", "GIT.example.test:8443/Acme/Shop", 202),
        (OURS, "github's", "acme/shop", 401),
        (OURS, "for all", "", 401),
        (repository_of("acme/shop"), "github's", "acme/shop", 202),
        (repository_of("acme/shop"), "ours", "git.example.test:8443/acme/shop", 401),
    ],
)
@pytest.mark.parametrize("kind", ["ping", "push"])
def test_repositories_of_one_name_at_two_forges_may_have_a_secret_each(
    repository: dict[str, str], secret: str, claimed: str, status: int, kind: str
) -> None:
    executions, body = MemoryExecutions(), as_bytes(repository=repository)
    assert deliver(body, executions, secret=secret, claimed=claimed, known=FORGES, kind=kind).status == status
    assert len(executions.deliveries) == (1 if (kind, status) == ("push", 202) else 0)


def test_refusal_names_the_forge_where_the_entry_does() -> None:
    found = deliver(as_bytes(repository=OURS), MemoryExecutions(), secret="for all", known=FORGES)
    assert found.body["error"].endswith("?repository=git.example.test:8443/acme/shop")


@pytest.mark.parametrize(
    "url",
    [
        *("file:///srv/my%20git/shop.git", "/srv/git/shop.git", "/srv/git/hello.git", "/srv/acme/hello.git"),
        *(
            "https://example.test/a/acme/hello.git",
            "https://example.test/acme/hello",
            "https://example.test/x/hello.git",
        ),
        *("https://example.test/Acme/hello.git", f"{CODECOMMIT}/v1/repos/hello", "", "acme/hello"),
    ],
)
def test_secret_of_one_repository_moves_no_branch_of_another(url: str) -> None:
    """The signed name chose the secret, and the URL beside it may be that of another repository."""
    executions, catalogue = MemoryExecutions(), MemoryCatalogue()
    body = as_bytes(repository={"full_name": "acme/hello", "clone_url": url, "default_branch": "main"})
    known = json.dumps({"*": "others", "acme/hello": "hello's"})
    found = deliver(body, executions, secret="hello's", claimed="acme/hello", known=known, catalogue=catalogue)
    assert (found.status, executions.deliveries, catalogue.branch(url, "main").head) == (400, {}, "")


@pytest.mark.parametrize("url", ["/home/ada/shop.git", "file:///home/ada/my%20work/shop.git"])
def test_repository_of_this_machine_has_the_name_of_its_folder(url: str) -> None:
    repository = {"full_name": "local/shop", "clone_url": url, "default_branch": "main"}
    assert deliver(as_bytes(repository=repository), MemoryExecutions()).status == 202
