"""freeze, unfreeze and freezes, as typed."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.cli.errors import Ambiguous
from apps.cli.freeze_scope import parse_end, parse_scope
from lifecycle.domain.errors import InvalidValue, Unknown
from lifecycle.domain.rollout.freezes import scope_in_words
from lifecycle.domain.service.policy import Policy
from tests.unit.cli.conftest import Desk

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_freeze_lists_its_clusters_and_the_undo_command(desk: Desk) -> None:
    done = desk.type("freeze production --for 2h --why", "the database is being moved")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[1] == "freeze production until 2026-11-23 14:00 UTC (in 2 h): production/hello"
    assert lines[-1] == "undo: lifecycle unfreeze production --why '...'"
    [(phase, payload)] = desk.functions.calls
    assert (phase, payload["scope"], payload["by"]) == ("freeze", "production", "ada")
    assert payload["why"] == "the database is being moved"
    [present] = desk.machine.memory.freezes.all()
    assert present.until == desk.machine.now + timedelta(hours=2)


@pytest.mark.parametrize("typed", ["everything", "*"])
def test_scope_everything_has_two_spellings(desk: Desk, typed: str) -> None:
    at = f"{desk.machine.now:%Y-%m-%d %H:%M:%S}"
    assert desk.type("freeze", typed, "--why", "all of it").exit_code == 0
    assert [each.scope for each in desk.machine.memory.freezes.all()] == ["*"]
    assert f"\neverything  {at}  lifted  ada  all of it\n" in desk.type("freezes").stdout


def test_freeze_lists_running_deployments(desk: Desk) -> None:
    name = desk.halted()
    output = desk.type("freeze everything --why slow").stdout
    assert f"still running: {name}; pause it: lifecycle pause {name} --why '...'" in output


def test_freeze_of_an_unknown_cluster_is_an_error(desk: Desk) -> None:
    done = desk.type("freeze production/helo --why slow")
    assert done.exit_code == 1
    assert (
        "cluster 'production/helo' not found; did you mean 'production/hello'? Known: production/hello" in done.stderr
    )
    assert desk.functions.calls == []


def test_unfreeze_lists_what_is_still_frozen(desk: Desk) -> None:
    desk.type("freeze everything --why all")
    desk.type("freeze production/hello --why television")
    done = desk.type("unfreeze everything --why clear")
    assert done.exit_code == 0, done.output
    assert "still frozen: production/hello: production/hello is frozen since" in done.stdout
    assert [each.scope for each in desk.machine.memory.freezes.all()] == ["production/hello"]
    assert "still frozen" not in desk.type("unfreeze production/hello --why clear").stdout


def test_unfreeze_of_an_unknown_freeze_lists_the_known_ones(desk: Desk) -> None:
    desk.type("freeze everything --why all")
    done = desk.type("unfreeze production --why clear")
    assert done.exit_code == 1
    assert "freeze 'production' not found; known: everything" in done.stderr


def test_status_shows_each_freeze_and_how_to_lift_it(desk: Desk) -> None:
    desk.type("freeze everything --for 1h --why all")
    desk.type("freeze production/hello --why television")
    output = desk.type("status").stdout
    assert "everything is frozen since 2026-11-23 12:00 UTC by ada: all; until 2026-11-23 13:00 UTC\n" in output
    assert "  lifecycle unfreeze everything --why '...'\n" in output
    assert "  lifecycle unfreeze production/hello --why '...'\n" in output
    desk.machine.memory.clock.sleep(3600)
    assert "everything is frozen" not in desk.type("status").stdout
    assert "(over)" in desk.type("freezes").stdout


def test_policy_windows_are_listed_and_shown_while_open() -> None:
    desk = Desk(Policy(frozen=("Mon 14:00 - Mon 16:00 UTC",)))
    desk.machine.deploy("1.0.0")
    assert desk.facts("freezes")["windows"] == [
        {"cluster": "production/hello", "window": "Mon 14:00 - Mon 16:00 UTC", "frozen_now": False}
    ]
    assert "frozen" not in desk.type("status").stdout
    desk.machine.memory.clock.sleep(2 * 3600)
    assert desk.facts("freezes")["windows"][0]["frozen_now"] is True
    output = "the policy of production/hello freezes Mon 14:00 - Mon 16:00 UTC; until 2026-11-23 16:00 UTC"
    assert output in desk.type("status").stdout


def test_trail_records_who_froze_and_unfroze(desk: Desk) -> None:
    desk.type("freeze production --until", "2026-11-24 08:00", "--why", "moving")
    desk.type("unfreeze production --why moved")
    output = [line.split("  ", 1)[1] for line in desk.type("history hello --trail").stdout.splitlines()[2:4]]
    assert output == [
        "production/hello  unfreeze production by ada: moved",
        "production/hello  freeze production until 2026-11-24 08:00 UTC by ada: moving",
    ]


def test_scopes_are_parsed_in_every_spelling() -> None:
    typed = ("everything", "*", "staging", "production/hello")
    assert [parse_scope(each) for each in typed] == ["*", "*", "staging", "production/hello"]
    assert [scope_in_words(parse_scope(each)) for each in typed[:2]] == ["everything", "everything"]
    for wrong in ("hello", "prod/hello", "production/", "all"):
        with pytest.raises(Unknown, match="nown: everything, staging, production"):
            parse_scope(wrong)


@pytest.mark.parametrize(
    ("until", "lasts", "end"),
    [
        ("", "", None),
        ("", "90m", NOW + timedelta(minutes=90)),
        ("", "3d", NOW + timedelta(days=3)),
        ("2026-11-24 08:00", "", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24T08:00 UTC", "", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24 08:00+01:00", "", datetime(2026, 11, 24, 7, tzinfo=UTC)),
    ],
)
def test_freeze_ends_at_a_time_or_after_a_duration(until: str, lasts: str, end: datetime | None) -> None:
    assert parse_end(until, lasts, NOW) == end


@pytest.mark.parametrize(
    ("until", "lasts"),
    [
        ("2026-11-24", ""),
        ("2026-11-31 08:00", ""),
        ("9999-12-31 23:59-14:00", ""),
        ("0001-01-01 00:00+14:00", ""),
        ("08:00", ""),
        ("2026-11-23 12:00", ""),
        ("", "2w"),
        ("", "0h"),
    ],
)
def test_invalid_end_of_a_freeze_is_refused(until: str, lasts: str) -> None:
    with pytest.raises(InvalidValue):
        parse_end(until, lasts, NOW)


def test_until_and_for_exclude_each_other() -> None:
    with pytest.raises(Ambiguous):
        parse_end("2026-11-24 08:00", "2h", NOW)
