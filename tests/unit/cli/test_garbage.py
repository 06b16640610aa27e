"""gc, as typed."""

from datetime import timedelta

import pytest

from apps.cli.commands.garbage import hours, size
from lifecycle.domain.errors import InvalidValue
from tests.unit.cli.conftest import SNAPSHOTS, Desk

TIGHT = "--keep-releases 1 --keep-snapshots 1"
OLDEST, MIDDLE, NEWEST = SNAPSHOTS


@pytest.fixture
def cellar(desk: Desk) -> Desk:
    """Production serves 1.0.0; everything that is stored is 40 days old."""
    desk.machine.memory.catalogue.claim_release("hello", NEWEST, "1.0.2")
    artifacts, now = desk.machine.memory.artifacts, desk.machine.now
    artifacts.modified = dict.fromkeys(artifacts.modified, now - timedelta(days=40))
    return desk


def stored(desk: Desk) -> set[str]:
    return {each.version for each in desk.machine.memory.artifacts.stored("hello")}


def test_dry_run_lists_deleted_and_retained_versions_and_deletes_nothing(cellar: Desk) -> None:
    before = stored(cellar)
    done = cellar.type(f"gc hello --dry-run {TIGHT}")
    assert done.exit_code == 0, done.output
    goes, stays = done.stdout.split("RETAINED")
    assert f"{OLDEST}  28 B  used nowhere, not one of the newest 1 snapshots, 40 days old" in goes
    assert "desired in production/hello" in stays
    assert "nothing was deleted" in done.stdout
    assert stored(cellar) == before
    assert [payload["dry_run"] for _, payload in cellar.functions.calls] == [True]


def test_deletion_matches_the_dry_run(cellar: Desk) -> None:
    output = cellar.facts(f"gc hello --dry-run {TIGHT}")
    done = cellar.type(f"gc hello {TIGHT}")
    assert done.exit_code == 0, done.output
    gone = {each["version"] for each in output["deleted"]}
    assert gone == {OLDEST, MIDDLE, "1.0.1"}
    assert stored(cellar) == {NEWEST, "1.0.0", "1.0.2"}
    assert "deleted: 2 snapshots and 1 release (61 B)" in done.stdout
    assert cellar.functions.calls[-1] == (
        "gc",
        {
            "service": "hello",
            "requested_by": "ada",
            "keep_releases": 1,
            "keep_snapshots": 1,
            "older_than_hours": 168,
            "dry_run": False,
        },
    )


def test_trail_records_who_deleted_which_versions(cellar: Desk) -> None:
    cellar.type(f"gc hello {TIGHT}")
    output = [entry for entry in cellar.machine.memory.audit_log.entries if entry.what == "collect 1.0.1"]
    assert {(entry.cluster, entry.who) for entry in output} == {
        ("production/hello", "ada"), ("staging/hello", "ada"),
    }  # fmt: skip


def test_default_limits_retain_every_version_of_a_young_service(cellar: Desk) -> None:
    before = stored(cellar)
    done = cellar.type("gc hello")
    assert (done.exit_code, stored(cellar)) == (0, before)
    assert "nothing was deleted" in done.stdout


def test_higher_age_retains_more(cellar: Desk) -> None:
    assert cellar.facts(f"gc hello --dry-run --older-than 41d {TIGHT}")["deleted"] == []
    assert cellar.facts(f"gc hello --dry-run --older-than 959h {TIGHT}")["deleted"] != []


def test_json_is_the_result_of_the_deletion(cellar: Desk) -> None:
    done = cellar.facts(f"gc hello --yes {TIGHT}")
    assert (done["dry_run"], done["freed"], done["left"]) == (False, 61, 0)
    assert {each["version"] for each in done["retained"]} == stored(cellar)


@pytest.mark.parametrize("typed", ["--older-than 7", "--older-than 30m", "--older-than 0d", "--older-than -1d"])
def test_invalid_age_is_refused(cellar: Desk, typed: str) -> None:
    done = cellar.type(f"gc hello {typed}")
    assert done.exit_code == 1
    assert "allowed: hours or days, such as 36h or 7d" in done.stderr
    assert cellar.functions.calls == []


def test_retaining_no_version_is_refused(cellar: Desk) -> None:
    assert cellar.type("gc hello --keep-releases 0").exit_code == 2
    assert cellar.type("gc hello --keep-snapshots 0").exit_code == 2


def test_unknown_service_is_named(cellar: Desk) -> None:
    done = cellar.type("gc helo")
    assert done.exit_code == 1
    assert "service 'helo' not found" in done.stderr


def test_ages_are_parsed_and_sizes_formatted() -> None:
    assert (hours("36h"), hours("7d")) == (36, 168)
    with pytest.raises(InvalidValue):
        hours("7 d")
    output = [size(count) for count in (0, 999, 1000, 12_345, 999_400, 3_400_000, 2_500_000_000)]
    assert output == ["0 B", "999 B", "1.0 kB", "12 kB", "999 kB", "3.4 MB", "2.5 GB"]
