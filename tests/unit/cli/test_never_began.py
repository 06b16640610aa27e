"""Deployments and runs that never began are seen everywhere: in words and for programs."""

from dataclasses import replace
from datetime import timedelta

from apps.cli.ports import Run
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.rollout.freezes import Freeze
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk
from tests.unit.console.desk import Desk as Console


def refused(desk: Desk | Console) -> str:
    """Request a deployment that its plan refuses; return its name."""
    machine = desk.machine
    machine.memory.clock.sleep(1)
    machine.memory.freezes.put(Freeze("production", "grace", "the sale", machine.now))
    request = machine.request("1.0.1")
    assert machine.begin(request).kind == "REFUSED"
    return request.deployment


def test_refused_deployment_is_in_status_and_history(desk: Desk) -> None:
    name = refused(desk)
    said = desk.type("status hello").output
    assert f"{name}: 1.0.1 was refused: production is frozen" in " ".join(said.split())
    assert "lifecycle plan hello 1.0.1" in said
    (cluster,) = desk.facts("status hello")["clusters"]
    assert (cluster["refused"]["deployment"], cluster["refused"]["state"]) == (name, "REFUSED")
    assert "the sale" in cluster["refused"]["why"]
    history = desk.facts("history hello")["deployments"]
    assert (history[0]["deployment"], history[0]["state"]) == (name, "REFUSED")
    assert "REFUSED" in desk.type("history hello").output


def test_refusal_is_not_shown_after_the_next_request(desk: Desk) -> None:
    refused(desk)
    desk.machine.memory.freezes.lift(*desk.machine.memory.freezes.all())
    desk.machine.memory.clock.sleep(1)
    desk.machine.deploy("1.0.1")
    (cluster,) = desk.facts("status hello")["clusters"]
    assert cluster["refused"] is None
    assert "was refused" not in desk.type("status hello").output


def test_refused_deployment_is_in_its_lane() -> None:
    console = Console.of()
    console.machine.deploy("1.0.0")
    refused(console)
    assert "REFUSED 1.0.1, now: production is frozen since" in console.see("pipeline").text
    history = console.see("history").text
    assert "REFUSED" in history
    assert "refused 1.0.1" in history


def test_refused_repair_is_on_record_once(desk: Desk) -> None:
    machine = desk.machine
    machine.deploy("1.0.1")
    before = len(machine.memory.deployments.recent(CLUSTER, 50))
    for number in range(3):
        machine.memory.clock.sleep(60)
        wanted = replace(machine.request("1.0.0"), kind=Kind.CONVERGE, only=(f"host-{number + 1}",))
        assert machine.begin(wanted).kind == "REFUSED"
    assert len(machine.memory.deployments.recent(CLUSTER, 50)) == before + 1


def test_failed_run_is_in_status_and_history_until_a_later_one_succeeds(desk: Desk) -> None:
    now, run = desk.machine.now, f"hello-{'a' * 40}"
    desk.runs.pushes = {run: Run(run, "FAILED", now)}
    for command in ("status hello", "history hello"):
        said = desk.type(command).output
        assert f"run {run}: FAILED" in " ".join(said.split())
        assert f"lifecycle build --log {run}" in " ".join(said.split())
        assert [each["run"] for each in desk.facts(command)["failed_runs"]] == [run]
    later = f"hello-{'b' * 40}"
    desk.runs.pushes = {later: Run(later, "SUCCEEDED", now + timedelta(minutes=1)), **desk.runs.pushes}
    assert desk.facts("status hello")["failed_runs"] == []
    assert [each["run"] for each in desk.facts("history hello")["failed_runs"]] == [run]
