"""A lane shows the newest delivery of its service's repository, repeated or not."""

import pytest

from lifecycle.application.ports.cluster_queries import Delivery
from lifecycle.application.queries.pipeline import view_pipeline
from lifecycle.application.queries.scope import Scope
from tests.unit.console.desk import COMMIT, Desk


def newest(desk: Desk, name: str) -> str:
    """Return the delivery that the lane shows after a run of this name was started."""
    desk.machine.memory.cluster_queries.runs.append(Delivery(name, "FAILED", desk.machine.now))
    (lane,) = view_pipeline(desk.query, Scope()).lanes
    assert lane.push is not None
    return lane.push.name


@pytest.mark.parametrize("suffix", ["", "_2", "-2", "_12"])
def test_repeated_run_is_found_in_either_form(desk: Desk, suffix: str) -> None:
    name = f"hello-{'d' * 40}{suffix}"
    assert newest(desk, name) == name


def test_run_of_another_repository_is_found_by_the_commit_of_a_snapshot(desk: Desk) -> None:
    assert newest(desk, f"my_shop-{COMMIT}_2") == f"my_shop-{COMMIT}_2"


@pytest.mark.parametrize("name", [f"say-hello-{'d' * 40}", f"hello-2-{'d' * 40}_2", "by-hand"])
def test_run_of_another_repository_is_ignored(desk: Desk, name: str) -> None:
    assert newest(desk, name) == f"hello-{COMMIT}"
