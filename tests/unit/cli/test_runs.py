"""Runs of pushes: found by name, repository or commit, and repeated under the next number."""

from datetime import timedelta

import pytest

from apps.cli.ports import Run
from apps.cli.resolve import is_run, run_base, run_named
from lifecycle.domain.errors import Unknown
from tests.unit.cli.conftest import Desk

COMMIT = "ab12" * 10
OTHER = "cd34" * 10


def pushed(desk: Desk, *names: str) -> None:
    """Record these runs, the newest first."""
    for age, name in enumerate(names):
        started = desk.machine.now - timedelta(minutes=age)
        desk.runs.pushes[name] = Run(name, "FAILED", started, input={"name": name})


@pytest.mark.parametrize("suffix", ["", "_2", "-2"])
def test_run_name_may_have_a_number(suffix: str) -> None:
    assert is_run(f"my_repo-{COMMIT}{suffix}")
    assert run_base(f"my_repo-{COMMIT}{suffix}") == f"my_repo-{COMMIT}"


def test_repository_name_matches_only_as_a_whole(desk: Desk) -> None:
    pushed(desk, f"say-hello-{OTHER}", f"hello-there-{OTHER}", f"hello-{COMMIT}")
    assert run_named(desk.connection, "hello").name == f"hello-{COMMIT}"
    with pytest.raises(Unknown):
        run_named(desk.connection, "say")


@pytest.mark.parametrize("text", [COMMIT, COMMIT[:7], COMMIT[:4]])
def test_commit_matches_by_its_first_digits(desk: Desk, text: str) -> None:
    pushed(desk, f"hello-{OTHER}", f"hello-{COMMIT}_2", f"hello-{COMMIT}")
    assert run_named(desk.connection, text).name == f"hello-{COMMIT}_2"


@pytest.mark.parametrize("text", [COMMIT[:3], COMMIT[4:-1] + "f", "2", f"{COMMIT}_", "-", ""])
def test_text_that_is_no_repository_and_no_commit_is_unknown(desk: Desk, text: str) -> None:
    pushed(desk, f"hello-{COMMIT}_2")
    with pytest.raises(Unknown):
        run_named(desk.connection, text)


def test_repository_named_like_a_commit_wins(desk: Desk) -> None:
    pushed(desk, f"hello-{'cafe' * 10}", f"cafe-{COMMIT}")
    assert run_named(desk.connection, "cafe").name == f"cafe-{COMMIT}"


@pytest.mark.parametrize("asked", [f"hello-{COMMIT}_2", f"hello-{COMMIT}-2"])
@pytest.mark.parametrize("stands", [f"hello-{COMMIT}_2", f"hello-{COMMIT}-2"])
def test_repeated_run_is_found_in_either_form(desk: Desk, asked: str, stands: str) -> None:
    pushed(desk, f"hello-{COMMIT}_3", stands, f"hello-{COMMIT}")
    assert run_named(desk.connection, asked).name == stands


def test_long_repository_name_is_found_although_the_run_name_is_cut(desk: Desk) -> None:
    repository = "a.repository_whose-name-is-longer-than-a-run-may-tell"
    run = f"a-repository_whose-name-is-longer--{COMMIT}"
    pushed(desk, run)
    assert run_named(desk.connection, repository).name == run


@pytest.mark.parametrize("suffix", ["_2", "-2"])
def test_repeated_run_gets_the_next_number(desk: Desk, suffix: str) -> None:
    pushed(desk, f"hello-{COMMIT}{suffix}")
    done = desk.type("build --again hello")
    assert done.exit_code == 0, done.output
    assert list(desk.executions.deliveries) == [f"hello-{COMMIT}_3"]


def test_only_the_named_repository_is_rebuilt(desk: Desk) -> None:
    pushed(desk, f"say-hello-{OTHER}", f"hello-{COMMIT}")
    done = desk.type("build --again hello")
    assert done.stdout.splitlines()[-1] == f"next: lifecycle watch --run hello-{COMMIT}_2"
    assert desk.executions.deliveries == {f"hello-{COMMIT}_2": {"name": f"hello-{COMMIT}"}}
