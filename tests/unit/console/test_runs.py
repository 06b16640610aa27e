"""A lane shows the newest run of its service's repository, the first or one done again."""

import pytest

from lifecycle.application.ports.cluster_queries import Delivery
from lifecycle.application.queries.pipeline import view_pipeline
from lifecycle.application.queries.scope import Scope
from tests.unit.console.desk import COMMIT, Desk


def newest(desk: Desk, name: str) -> str:
    """The push that the lane shows, once a run of this name was started."""
    desk.machine.memory.cluster_queries.runs.append(Delivery(name, "FAILED", desk.machine.now))
    (lane,) = view_pipeline(desk.query, Scope()).lanes
    assert lane.push is not None
    return lane.push.name


@pytest.mark.parametrize("suffix", ["", "_2", "-2", "_12"])
def test_a_run_done_again_is_seen_in_either_form(desk: Desk, suffix: str) -> None:
    name = f"hello-{'d' * 40}{suffix}"
    assert newest(desk, name) == name


def test_a_run_of_another_repository_is_seen_when_its_commit_became_a_snapshot(desk: Desk) -> None:
    assert newest(desk, f"my_shop-{COMMIT}_2") == f"my_shop-{COMMIT}_2"


@pytest.mark.parametrize("name", [f"say-hello-{'d' * 40}", f"hello-2-{'d' * 40}_2", "by-hand"])
def test_a_run_of_another_repository_is_not_taken_for_the_services(desk: Desk, name: str) -> None:
    assert newest(desk, name) == f"hello-{COMMIT}"
