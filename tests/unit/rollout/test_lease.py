"""The meaning of each state of a cluster's lease, for its holder and for others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.domain.rollout.lease import LONGEST_CALL, Lease

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


MEANINGS: dict[str, Callable[[Lease], bool]] = {
    "taken for others": lambda lease: lease.held_by_another("another", NOW),
    "taken for mine": lambda lease: lease.held_by_another("mine", NOW),
    "expired": lambda lease: lease.has_expired(NOW),
    "outlasts a call": lambda lease: lease.outlasts_a_call(NOW),
}
CASES: dict[str, tuple[Lease, set[str]]] = {
    "free": (Lease(7), {"outlasts a call"}),
    "free, once held": (Lease(7, "", NOW, NOW - MOMENT), set()),
    "mine, without an end": (Lease(7, "mine", NOW), {"taken for others", "outlasts a call"}),
    "mine, over now": (Lease(7, "mine", NOW, NOW), {"expired"}),
    "mine, for a moment more": (Lease(7, "mine", NOW, NOW + MOMENT), {"taken for others"}),
    "mine, for a call": (Lease(7, "mine", NOW, NOW + LONGEST_CALL), {"taken for others"}),
    "mine, for longer": (
        Lease(7, "mine", NOW, NOW + LONGEST_CALL + MOMENT),
        {"taken for others", "outlasts a call"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_lease_means_the_same_to_its_holder_and_to_others(name: str) -> None:
    lease, expected = CASES[name]
    assert {meaning for meaning, holds in MEANINGS.items() if holds(lease)} == expected


@pytest.mark.parametrize(("holder", "epoch"), [("another", 7), ("mine", 6), ("mine", 8), ("", 7)])
def test_lease_is_held_by_one_deployment_under_one_epoch(holder: str, epoch: int) -> None:
    assert Lease(7, "mine").is_held_by("mine", 7)
    assert not Lease(7, "mine").is_held_by(holder, epoch)


@pytest.mark.parametrize(
    ("lease", "lost"),
    [
        (Lease(7, "mine"), False),
        (Lease(8, "mine"), True),
        (Lease(6, "mine"), True),
        (Lease(0), True),
        (Lease(6), True),
        (Lease(7), False),
        (Lease(8), False),
        (Lease(6, "another"), False),
        (Lease(8, "another"), False),
    ],
)
def test_lease_of_epoch_7_was_lost_where_no_other_deployment_took_it(lease: Lease, lost: bool) -> None:  # noqa: FBT001
    assert lease.was_lost("mine", 7) is lost
