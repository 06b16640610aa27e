"""`lifecycle logs`: what a service wrote, as an operator reads it."""

import json
from datetime import timedelta
from typing import NoReturn

import pytest

from lifecycle.domain.errors import CallFailed
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk


def say(desk: Desk, host: str, text: str, minutes: float = 1) -> None:
    desk.logs.add(CLUSTER, host, desk.machine.memory.clock.now() - timedelta(minutes=minutes), text)


def test_lines_of_all_hosts_are_shown_with_their_times_oldest_first(desk: Desk) -> None:
    say(desk, "host-2", "second", 1)
    say(desk, "host-1", "first", 2)
    say(desk, "host-1", "long ago", 11)
    done = desk.type("logs hello")
    assert done.exit_code == 0
    shown = [line.split("  ", 1)[1] for line in done.stdout.splitlines()[1:]]
    assert shown == ["host-1  first", "host-2  second"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--host host-2", ["an error"]),
        ("--grep fine", ["fine"]),
        ("--since 1h", ["older", "fine", "an error"]),
        ("--host host-1 --since 1d --grep old", ["older"]),
    ],
)
def test_options_choose_lines(desk: Desk, flags: str, expected: list[str]) -> None:
    say(desk, "host-1", "older", 30)
    say(desk, "host-1", "fine", 2)
    say(desk, "host-2", "an error", 1)
    assert [line.split("  ")[2] for line in desk.type(f"logs hello {flags}").stdout.splitlines()[1:]] == expected


def test_json_is_one_object_per_line(desk: Desk) -> None:
    say(desk, "host-1", "one")
    [line] = desk.type("logs hello --json").stdout.splitlines()
    assert json.loads(line)["host"] == "host-1"
    assert json.loads(line)["text"] == "one"


def test_terminal_controls_are_removed(desk: Desk) -> None:
    say(desk, "host-1", "\x1b[2Jred\x07\u202e\rtext")
    assert desk.type("logs hello").stdout.splitlines()[1].endswith("host-1  redtext")


def test_nothing_is_said_when_there_is_nothing(desk: Desk) -> None:
    done = desk.type("logs hello --host host-1 --grep x")
    assert done.exit_code == 0
    assert "no lines of host-1 with 'x' since" in done.stdout


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("logs helo", "hello"),
        ("logs hello --host host-9", "host-1"),
        ("logs hello -e staging", "production/hello"),
    ],
)
def test_unknown_name_exits_with_the_known_ones(desk: Desk, typed: str, known: str) -> None:
    done = desk.type(typed)
    assert done.exit_code == 1
    assert known in done.stderr


def test_cluster_of_an_older_stack_is_refused_with_what_to_do(desk: Desk) -> None:
    desk.logs.old_stacks.add(CLUSTER)
    done = desk.type("logs hello")
    assert done.exit_code == 1
    assert "Deploy its stack again" in done.stderr


@pytest.mark.parametrize("since", ["10", "m", "-5m", "9999d", "1w", ""])
def test_since_must_be_a_duration(desk: Desk, since: str) -> None:
    assert desk.type("logs hello", f"--since={since}").exit_code == 2


def test_following_after_an_outage_shows_the_lines_of_the_whole_time(desk: Desk) -> None:
    logs, clock = desk.logs, desk.machine.memory.clock
    read, outage = logs.read, CallFailed("throttled", service="", operation="", code="", temporary=True)

    def broken(*_: object) -> NoReturn:
        raise outage

    def interrupt() -> None:
        raise KeyboardInterrupt

    def fail() -> None:
        say(desk, "host-1", "in the outage", 0)
        logs.read = broken  # type: ignore[assignment,method-assign]
        clock.sleep(300)

    def recover() -> None:
        logs.read = read  # type: ignore[method-assign]
        say(desk, "host-1", "after it", 0)

    desk.at_tick(2, fail)
    desk.at_tick(4, recover)
    desk.at_tick(7, interrupt)
    done = desk.type("logs hello --follow")
    assert done.exit_code == 0
    texts = [line.split("  ")[-1] for line in done.stdout.splitlines()[2:]]
    assert texts == ["in the outage", "after it"]


def test_following_shows_each_line_once_until_it_is_interrupted(desk: Desk) -> None:
    say(desk, "host-1", "before", 0)

    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.at_tick(1, lambda: say(desk, "host-1", "meanwhile", 0))
    desk.at_tick(4, interrupt)
    done = desk.type("logs hello --follow")
    assert done.exit_code == 0
    texts = [line.split("  ")[-1] for line in done.stdout.splitlines()[1:]]
    assert texts == ["before", "meanwhile"]
