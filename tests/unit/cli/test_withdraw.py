"""withdraw, as typed, and what the other commands say of a withdrawn release."""

import pytest

from tests.unit.cli.conftest import SNAPSHOTS, Desk


@pytest.fixture
def withdrawn(desk: Desk) -> Desk:
    """Return a desk whose newest release, 1.0.1, was withdrawn."""
    done = desk.type("withdraw hello 1.0.1 --yes --why", "the wrong branch")
    assert done.exit_code == 0, done.output
    assert f"release 1.0.1 of hello is withdrawn; it was made from {SNAPSHOTS[1]}, by ada" in done.stdout
    assert done.stdout.splitlines()[-1] == "next: lifecycle promote hello makes another release"
    return desk


def test_withdrawn_release_is_neither_planned_nor_deployed(withdrawn: Desk) -> None:
    for command in ("plan hello 1.0.1", "deploy hello 1.0.1 --yes --no-watch"):
        done = withdrawn.type(command)
        assert done.exit_code == 1
        assert "1.0.1 was withdrawn by ada at 2026-" in done.stderr
        assert "the wrong branch; `lifecycle promote hello SNAPSHOT` makes another release" in done.stderr
    assert not [phase for phase, _ in withdrawn.functions.calls if phase == "request"]


def test_newest_release_is_one_that_was_not_withdrawn(withdrawn: Desk) -> None:
    assert withdrawn.facts("plan hello")["version"] == "1.0.0"


def test_list_of_releases_says_who_withdrew_one(withdrawn: Desk) -> None:
    assert "withdrawn by ada at 2026-" in withdrawn.type("releases hello").stdout
    newest, first = withdrawn.facts("releases hello")["releases"]
    assert (newest["version"], newest["withdrawn"]["by"], newest["withdrawn"]["why"]) == (
        "1.0.1",
        "ada",
        "the wrong branch",
    )
    assert first["withdrawn"] is None


def test_snapshot_of_a_withdrawn_release_counts_as_not_promoted(withdrawn: Desk) -> None:
    listed = {each["version"]: each["release"] for each in withdrawn.facts("snapshots hello")["snapshots"]}
    assert (listed[SNAPSHOTS[0]], listed[SNAPSHOTS[1]]) == ("1.0.0", None)
    assert withdrawn.facts(f"promote hello {SNAPSHOTS[1]} --version 1.0.7 --yes")["release"] == "1.0.7"


def test_named_version_of_a_withdrawn_release_is_refused(withdrawn: Desk) -> None:
    done = withdrawn.type(f"promote hello {SNAPSHOTS[2]} --version 1.0.1 --yes")
    assert done.exit_code == 1
    assert "1.0.1 was withdrawn by ada at 2026-" in done.stderr
    assert "its number is not used again; the next free version of its line is 1.0.2" in done.stderr


def test_verify_shows_the_withdrawal(withdrawn: Desk) -> None:
    done = withdrawn.type("verify hello 1.0.1")
    assert done.exit_code == 1
    assert "withdrawn by ada at" in done.stdout


def test_deployed_release_is_refused_with_the_command_that_works(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    done = desk.type("withdraw hello 1.0.1 --yes --why mistake")
    assert done.exit_code == 1
    assert "it was deployed to production/hello by hello-production-" in done.stderr
    assert "`lifecycle quarantine hello 1.0.1 --environment production --why '...'`" in done.stderr
