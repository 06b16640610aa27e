"""A lane shows the newest delivery of its service's repository, repeated or not."""

import pytest

from lifecycle.application.ports.cluster_queries import Delivery
from lifecycle.application.queries.pipeline import view_pipeline
from lifecycle.application.queries.scope import Scope
from lifecycle.domain.errors import Refused
from tests.unit.console.desk import COMMIT, Desk
from tests.unit.console.read_widget import ReadWidget


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


def shown(desk: Desk, status: str) -> tuple[str, ReadWidget]:
    """Return a run of this status, whose build is running, and the pipeline that shows it."""
    run, memory = f"hello-{'d' * 40}", desk.machine.memory
    memory.cluster_queries.runs.append(Delivery(run, status, desk.machine.now))
    memory.executions.start_delivery(run, {})
    memory.executions.builds[run] = desk.query.builds.start("url", "d" * 40, run, {})
    return run, desk.see("pipeline")


def test_running_run_is_cancelled_by_its_button_with_its_build(desk: Desk) -> None:
    run, page = shown(desk, "RUNNING")
    asked = desk.confirmation(page.button("Cancel"))
    assert f"Cancel {run}? its build ends with all its processes" in asked.text
    button = asked.starts
    build = desk.machine.memory.executions.builds[run]
    assert desk.press(**button.params).message == f"{run} is cancelled, and its build {build} is stopped."
    assert desk.query.builds.state(build).stopped
    (entry, *_) = [each for each in desk.machine.memory.audit_log.entries if "cancel" in each.what]
    assert (entry.who, entry.why) == ("ada", "as agreed")


def test_button_of_a_run_that_has_ended_meanwhile_is_refused(desk: Desk) -> None:
    run, page = shown(desk, "RUNNING")
    desk.machine.memory.executions.outputs[run] = {"nothing": ""}
    with pytest.raises(Refused, match="it has ended"):
        desk.press(**page.button("Cancel").params)


@pytest.mark.parametrize(
    ("status", "cancel", "log"), [("RUNNING", True, True), ("FAILED", False, True), ("SUCCEEDED", False, False)]
)
def test_run_that_has_not_succeeded_names_its_log(desk: Desk, status: str, *, cancel: bool, log: bool) -> None:
    run, page = shown(desk, status)
    assert page.has_button("Cancel") is cancel
    assert (f"lifecycle build --log {run}" in page.texts) is log
