"""An error says what failed, the value found, what is allowed, and the next command."""

from datetime import UTC, datetime

import pytest

from lifecycle.domain.errors import (
    DigestMismatch,
    InvalidEvent,
    InvalidName,
    InvalidValue,
    LeaseHeld,
    LifecycleError,
    Refused,
    StaleEpoch,
    Unknown,
    UnsafeArchive,
)

AT = datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Unknown("cluster"), "cluster not found"),
        (Unknown("release", "1.0.0", of="hello"), "release '1.0.0' of hello not found"),
        (
            Unknown("cluster", "helo", known=["hello", "web"]),
            "cluster 'helo' not found; did you mean 'hello'? Known: hello, web",
        ),
        (
            Unknown("cluster", "staging/nope", known=["staging/hello", "production/nope"]),
            "cluster 'staging/nope' not found; known: staging/hello, production/nope",
        ),
        (
            Unknown("host", "host-9", known=["host-1", "host-2"]),
            "host 'host-9' not found; known: host-1, host-2",
        ),
        (Unknown("cluster", "shop", known=["hello", "web"]), "cluster 'shop' not found; known: hello, web"),
        (
            Unknown("host", "h-1", known=[f"host-{number}" for number in range(12)]),
            "host 'h-1' not found; known: " + ", ".join(f"host-{number}" for number in range(10)) + " and 2 more",
        ),
        (Unknown("cluster", "helo", known=[]), "cluster 'helo' not found; known: none"),
        (Unknown("freeze", "*", "See `lifecycle status`."), "freeze '*' not found. See `lifecycle status`."),
        (InvalidValue("window", "soon", "one"), "'soon' is not a window; allowed: one"),
        (InvalidValue("age", "old", "7d"), "'old' is not an age; allowed: 7d"),
        (InvalidName("Environment", "prod", "staging"), "'prod' is not an Environment; allowed: staging"),
        (InvalidEvent("host is missing", "{}"), "the event is not valid: host is missing; found {}"),
        (
            StaleEpoch("production/hello", 6, 7),
            "epoch 6 of production/hello is fenced by epoch 7; nothing was changed",
        ),
        (
            Refused("the plan", ["one host is down", "it is frozen"]),
            "the plan is refused: one host is down; it is frozen",
        ),
    ],
)
def test_message_has_all_facts(error: LifecycleError, message: str) -> None:
    assert str(error) == message


def test_refusal_keeps_its_reasons_apart() -> None:
    assert Refused("the plan", ["one", "two"]).reasons == ("one", "two")


def test_held_lease_names_its_holder_and_since_when() -> None:
    error = LeaseHeld("production/hello", "d-1", AT)
    assert (error.holder, error.since) == ("d-1", AT)
    assert str(error).startswith("d-1 has been deploying production/hello since 2026-11-23 01:46:30 UTC; wait")


def test_other_bytes_are_named_by_both_digests() -> None:
    message = str(DigestMismatch("release 1.0.0", "aa", "bb"))
    assert message.startswith("release 1.0.0 was tampered with or damaged: expected sha256 aa, found bb; use another")


def test_unsafe_archive_names_the_member() -> None:
    assert str(UnsafeArchive("../x", "leaves its folder")).startswith("artifact refused: '../x' leaves its folder;")
