"""A lane shows the snapshot of its branch's head: after a force-push back, the newest one is another."""

from datetime import timedelta

from lifecycle.application.queries.pipeline import Built, view_pipeline
from lifecycle.application.queries.scope import Scope
from lifecycle.domain.delivery.branch import NOTHING, Move
from tests.unit.console.desk import Desk

REPOSITORY = "https://example.test/hello.git"
GOOD, BAD, UNBUILT = ("1" * 40, "2" * 40, "3" * 40)


def built(desk: Desk, minute: int, commit: str) -> str:
    version = f"1.2.0-202611231200{minute:02}-{commit[:7]}"
    facts = {"commit": commit, "digest": "d" * 64, "branch": "main", "built": f"2026-11-23T12:00:{minute:02}+00:00"}
    desk.machine.memory.catalogue.record_snapshot("hello", version, facts)
    return version


def pushed(desk: Desk, *commits: str) -> None:
    catalogue, at = desk.machine.memory.catalogue, desk.machine.now
    catalogue.claim_service("hello", REPOSITORY)
    for number, (before, after) in enumerate(zip((NOTHING, *commits), commits, strict=False)):
        move = Move(before, after, f"delivery-{number}", at + timedelta(seconds=number))
        catalogue.change_branch(REPOSITORY, "main", lambda found, move=move: found.moved(move))  # type: ignore[misc]


def shown(desk: Desk) -> Built:
    (lane,) = view_pipeline(desk.query, Scope()).lanes
    assert lane.built
    return lane.built


def test_snapshot_of_a_head_that_was_forced_back_is_shown_with_its_buttons(desk: Desk) -> None:
    good, bad = built(desk, 1, GOOD), built(desk, 2, BAD)
    pushed(desk, GOOD, BAD, GOOD)
    assert (shown(desk).version, shown(desk).not_of_head) == (good, "")
    page = desk.see("pipeline")
    assert good in page.text
    assert bad not in page.text


def test_newest_snapshot_is_shown_with_the_head_that_has_none(desk: Desk) -> None:
    newest = built(desk, 2, BAD)
    pushed(desk, BAD, UNBUILT)
    assert (shown(desk).version, shown(desk).not_of_head) == (newest, "main is at 3333333")
    assert "not of the head: main is at 3333333, and has no snapshot" in desk.see("pipeline").text


def test_newest_snapshot_is_shown_where_nobody_knows_the_head(desk: Desk) -> None:
    newest = built(desk, 2, BAD)
    assert (shown(desk).version, shown(desk).not_of_head) == (newest, "")


def test_lane_shows_that_the_desired_version_is_quarantined(desk: Desk) -> None:
    desk.machine.deploy("1.0.0")
    assert "drift is not repaired" not in desk.see("pipeline").text
    desk.machine.memory.fleet.quarantine(desk.machine.cluster, "1.0.0", "it loses orders")
    said = "1.0.0 is quarantined: it loses orders; it is desired all the same, and drift is not repaired"
    assert said in desk.see("pipeline").text
