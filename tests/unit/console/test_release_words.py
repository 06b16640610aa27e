"""The command line and the console say when a release command ran, where, how long, and how it ended."""

import json
import re
from dataclasses import replace

import pytest

from lifecycle.application.queries.clusters import view_cluster
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.manifest import ReleaseCommand
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER, Machine, manifest
from tests.unit.cli.conftest import Desk as Terminal
from tests.unit.console.desk import Desk

COMMAND = "python manage.py migrate"
AT = r"on host-2 at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def publish(machine: Machine, policy: Policy | None = None) -> None:
    """Publish 1.1.0 with a release command, above 1.0.0, which every host serves."""
    machine.deploy("1.0.0")
    machine.publish(manifest("1.1.0", policy, release=ReleaseCommand(COMMAND, 60)))


def deploy(machine: Machine, outcome: str) -> str:
    """Deploy 1.1.0, whose release command ends so."""
    publish(machine)
    machine.host("host-2").release = outcome
    return machine.deploy("1.1.0")


@pytest.mark.parametrize(
    ("outcome", "run", "words"),
    [
        ("passes", "PASSED", rf"passed, {AT}, after [\d.]+ s"),
        ("fails", "FAILED", rf"failed, {AT}, after [\d.]+ s"),
        ("lost", "NOT_KNOWN", rf"not known whether it ran, {AT}"),
    ],
)
def test_history_says_how_the_release_command_ended(outcome: str, run: str, words: str) -> None:
    terminal, desk = Terminal(), Desk.of()
    name = deploy(terminal.machine, outcome)
    deploy(desk.machine, outcome)

    shown = " ".join(terminal.type("history hello").stdout.split())
    assert re.search(rf"release command of {name}: {words}", shown)
    facts = json.loads(terminal.type("history hello --json").stdout)["deployments"]
    found, before = facts[0]["release_command"], facts[1]["release_command"]
    assert (found["command"], found["outcome"], found["host"], found["runs"]) == (COMMAND, run, "host-2", 1)
    assert found["began_at"] <= found["ended_at"]
    assert before is None
    assert re.search(rf"release command: {words}", desk.see("history").html)
    page = desk.see("deployment").html
    assert re.search(rf"Release command {COMMAND}: {words}", page)
    assert "1, release command" in page


def test_history_counts_the_runs_that_humans_asked_for() -> None:
    machine = Machine()
    name = deploy(machine, "fails")
    machine.host("host-2").release = "passes"
    machine.decide(name, Choice.RETRY, "host-2")
    note = machine.record(name).release
    assert (note.runs, machine.record(name).state) == (2, DeploymentState.DONE)
    assert re.fullmatch(rf"passed, run 2, {AT}, after [\d.]+ s", machine.record(name).release_words)


def test_history_says_that_a_person_counts_it_as_run() -> None:
    machine = Machine()
    name = deploy(machine, "lost")
    machine.decide(name, Choice.GO_ON, "host-2")
    assert machine.record(name).release_words.endswith("; a person counts it as run")


def test_deployment_that_ended_while_the_command_ran_says_that_nobody_knows() -> None:
    machine = Machine()
    publish(machine)
    machine.stop_at = "RELEASE_COMMAND"
    name = machine.deploy("1.1.0")
    assert re.fullmatch(rf"running, {AT}", machine.record(name).release_words)
    machine.memory.deployments.put(replace(machine.record(name), state=DeploymentState.STALE))
    assert re.match(rf"not known whether it ran, {AT}", machine.record(name).release_words)


def test_plan_names_the_command_and_its_host() -> None:
    terminal = Terminal()
    publish(terminal.machine)
    shown = " ".join(terminal.type("plan hello 1.1.0").stdout.split())
    assert f"release command: {COMMAND}: once, on host-2, before any host is changed, within 1 min" in shown
    facts = json.loads(terminal.type("plan hello 1.1.0 --json").stdout)["release_command"]
    assert facts == {"command": COMMAND, "timeout_seconds": 60, "host": "host-2"}


def test_console_says_that_the_command_runs_first() -> None:
    desk = Desk.of()
    publish(desk.machine)
    params = {**desk.planned("pipeline", "Deploy to production").starts.params, "version": "1.1.0"}
    assert "First the release command runs once, on host-2." in desk.press(**params).message


def test_console_says_nothing_of_a_command_that_a_version_has_not() -> None:
    desk = Desk.of()
    params = desk.planned("pipeline", "Deploy to production").starts.params
    assert "release command" not in desk.press(**params).message


def test_approval_names_the_command_before_it_runs() -> None:
    desk = Desk.of()
    publish(desk.machine, Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, min_alive_seconds=0))
    name = desk.machine.deploy("1.1.0")
    words = f"then the release command runs once, before any host is changed: {COMMAND}"
    assert words in desk.machine.record(name).reason
    assert words in desk.see("questions").text


def test_rollback_button_names_no_host_that_only_ran_the_command() -> None:
    desk = Desk.of()
    deploy(desk.machine, "fails")
    assert "no host was updated yet" in desk.planned("deployment", "Roll back").text


def test_deployment_that_only_ran_its_command_is_not_what_the_cluster_should_run() -> None:
    machine = Machine()
    name = deploy(machine, "fails")
    machine.decide(name, Choice.ABORT, "host-2")
    last = view_cluster(machine.context, CLUSTER, recent=10).last
    assert last is not None
    assert last.target.version == "1.0.0"


@pytest.mark.parametrize("choice", [Choice.RETRY, Choice.GO_ON, Choice.ABORT])
def test_console_answers_a_release_command_that_may_have_run(choice: Choice) -> None:
    desk = Desk.of()
    name = deploy(desk.machine, "lost")
    desk.machine.host("host-2").release = "passes"
    shown = desk.see("questions")
    assert "not known whether the release command ran" in shown.text
    [params] = [each.params for each in shown.buttons if each.params.get("choice") == choice]
    desk.press(**params)
    desk.machine.run(name)
    expected = DeploymentState.ABORTED if choice is Choice.ABORT else DeploymentState.DONE
    assert desk.machine.record(name).state is expected
