"""Without a version, `promote` and a deployment to staging take the snapshot of the branch's head."""

from datetime import timedelta

import pytest

from lifecycle.application.delivery.remove_service import remove_service
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.delivery.branch import NOTHING, Move
from lifecycle.domain.fleet.cluster import Cluster
from tests.fakes.context import MemoryContext
from tests.unit.cli.conftest import Desk

REPOSITORY = "https://example.test/shops.git"
GOOD, BAD, LATER = (letter * 40 for letter in "abc")
STAGING = Cluster("staging", "shop")


@pytest.fixture
def shop() -> Desk:
    """Return a desk whose service shop belongs to a repository; nothing was pushed yet."""
    desk = Desk(cluster=STAGING)
    desk.connection.catalogue.claim_service("shop", REPOSITORY)
    return desk


def _pushed(desk: Desk, *commits: str, branch: str = "main") -> None:
    """Push one commit after the other to the default branch, each a second later."""
    catalogue = desk.machine.memory.catalogue
    for before, after in zip((NOTHING, *commits), commits, strict=False):
        at = desk.machine.now + timedelta(seconds=1)
        desk.machine.memory.clock.sleep(1)
        move = Move(before, after, f"{at}", at)
        catalogue.change_branch(REPOSITORY, branch, lambda found, move=move: found.moved(move))  # type: ignore[misc]
        catalogue.change_builds(REPOSITORY, lambda found, at=at: found.followed(branch, at))  # type: ignore[misc]


def _built(desk: Desk, minute: int, commit: str, folder: str = "", branch: str = "main") -> str:
    version = f"1.0.0-202611231000{minute:02}-{commit[:7]}"
    facts = {"commit": commit, "digest": "d" * 64, "branch": branch, "built": f"2026-11-23T10:00:{minute:02}+00:00"}
    desk.machine.memory.catalogue.record_snapshot("shop", version, facts | ({"folder": folder} if folder else {}))
    return version


def _promoted(desk: Desk) -> str:
    """Return the snapshot that `promote shop` names, or the refusal."""
    done = desk.type("promote shop")
    asked = [payload for phase, payload in desk.functions.calls if phase == "promote"]
    return str(asked[-1]["snapshot"]) if asked else done.stderr


def test_after_a_force_push_back_the_older_snapshot_is_promoted_and_deployed(shop: Desk) -> None:
    good, bad = _built(shop, 1, GOOD), _built(shop, 2, BAD)
    _pushed(shop, GOOD, BAD, GOOD)
    assert _promoted(shop) == good
    planned = shop.type("plan shop -e staging").output
    assert (good in planned, bad in planned) == (True, False)


def test_of_several_builds_of_the_head_the_last_is_taken(shop: Desk) -> None:
    _built(shop, 1, GOOD)
    again = _built(shop, 2, GOOD)
    _pushed(shop, GOOD)
    assert _promoted(shop) == again


def test_head_without_a_snapshot_is_refused_with_the_newest_ones(shop: Desk) -> None:
    good, bad = _built(shop, 1, GOOD), _built(shop, 2, BAD)
    _pushed(shop, GOOD, BAD, LATER)
    said = _promoted(shop)
    assert f"main is at {LATER[:7]}, which has no snapshot" in said
    assert f"the newest of which are {bad}, {good}, or build the head with `lifecycle build --head shop`" in said


def test_unknown_head_is_refused(shop: Desk) -> None:
    """The record of the branch may be one that cannot be read."""
    only = _built(shop, 1, GOOD)
    said = _promoted(shop)
    assert ("nobody knows the head of its branch" in said, only in said) == (True, True)


def test_service_in_a_folder_gets_the_snapshot_of_its_own_newest_push(shop: Desk) -> None:
    mine = _built(shop, 1, GOOD, folder="services/shop")
    _pushed(shop, GOOD, BAD)
    catalogue = shop.connection.catalogue
    catalogue.change_branch(REPOSITORY, "main", lambda found: found.begun("shop", GOOD))
    assert _promoted(shop) == mine


def test_snapshot_of_a_branch_that_is_the_default_one_no_more_is_not_taken(shop: Desk) -> None:
    _built(shop, 1, GOOD)
    _pushed(shop, GOOD)
    _pushed(shop, BAD, branch="trunk")
    assert "nobody knows the head" in _promoted(shop)
    trunk = _built(shop, 2, BAD, branch="trunk")
    assert _promoted(shop) == trunk


def test_removed_service_has_no_snapshot_to_promote(shop: Desk) -> None:
    _built(shop, 1, GOOD)
    _pushed(shop, GOOD)
    gone = MemoryContext({}, catalogue=shop.machine.memory.catalogue)
    remove_service(gone.context, "shop", RequestedBy("ada", "retired"))
    assert "snapshot of shop not found" in _promoted(shop)
