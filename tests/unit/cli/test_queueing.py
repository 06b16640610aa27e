"""Deployments that wait for another: deploy, watch and status, as typed."""

import json
import re

import pytest

from apps.cli.output.live import headline
from apps.cli.watch.deployment_view import Poller
from apps.cli.watch.outcome import outcome_of
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk


@pytest.fixture
def halted(desk: Desk) -> str:
    """1.0.1 is halted on host-2; whatever is deployed now waits for it."""
    return desk.halted()


def queued(desk: Desk, version: str = "1.0.2") -> str:
    """Deploy another version, which waits; its name."""
    done = desk.type(f"deploy hello {version} --reason newer --no-watch")
    assert done.exit_code == 0, done.output
    waiting = desk.machine.memory.queue.waiting(CLUSTER)
    assert waiting is not None
    return waiting.request.deployment


def test_plan_names_the_deployment_ahead_in_the_queue(desk: Desk, halted: str) -> None:
    done = desk.type("plan hello 1.0.2")
    assert done.exit_code == 0
    assert f"queued behind {halted} (1.0.1, HALTED)\n" in done.stdout
    assert "it begins if that deployment ends DONE; after a rollback or an abort, deploy it again" in done.stdout
    assert "SUPERSEDED" not in done.stdout
    assert desk.facts("plan hello 1.0.2")["waits_for"] == halted


def test_plan_names_the_deployment_that_it_supersedes(desk: Desk, halted: str) -> None:
    older = queued(desk)
    output = desk.type("plan hello 1.0.0").stdout
    assert f"{older}, which is queued now, becomes SUPERSEDED and never begins\n" in output
    found = desk.facts("plan hello 1.0.0")
    assert (found["waits_for"], found["supersedes"]) == (halted, older)


def test_automatic_deployments_need_no_second_request() -> None:
    desk = Desk(Policy(automatic=True), Cluster("staging", "hello"))
    desk.machine.deploy("1.0.0")
    desk.halted()
    output = desk.type("plan hello 1.0.2 --environment staging").stdout
    assert "hello-staging-" in output
    assert "deploy it again" not in output


def test_queued_deployment_is_watched_until_it_begins_and_ends(desk: Desk, halted: str) -> None:
    skip = f"decide {halted} SKIP_HOST --host host-2 --attempt 1 --why bad"
    desk.at_tick(5, lambda: desk.type(skip))
    done = desk.type("deploy hello 1.0.2 --reason newer")
    assert done.exit_code == 0, done.output
    output = done.stdout
    waits = output.index(f"waits for {halted}: 1.0.1, HALTED: failed while self-testing: scripted\n")
    begins = output.index("deploy 1.0.2 by ada: newer")
    assert waits < begins < output.index(": DONE: 4 hosts serve 1.0.2")
    assert output.count(f"waits for {halted}: 1.0.1, HALTED") == 1
    assert any(name.endswith("_2") for name in desk.executions.rollouts)


def test_superseded_deployment_ends_its_watch_with_1(desk: Desk, halted: str) -> None:
    older = queued(desk)
    desk.at_tick(3, lambda: queued(desk, "1.0.0"))
    done = desk.type(f"watch {older}")
    assert done.exit_code == 1
    assert f"{older}: SUPERSEDED: hello-production-" in done.stdout
    assert "(1.0.0) is newer and takes its place" in done.stdout


def test_queued_deployment_that_is_refused_shows_the_reason(desk: Desk, halted: str) -> None:
    name = queued(desk)
    desk.at_tick(3, lambda: desk.type(f"decide {halted} ABORT --host host-2 --attempt 1 --yes --why bad"))
    done = desk.type(f"watch {name}")
    assert done.exit_code == 1
    assert f"{name}: REFUSED: {halted} ended ABORTED while 1.0.2 waited for it" in done.stdout
    assert done.stdout.splitlines()[-1] == "next: lifecycle status hello  or  lifecycle plan hello 1.0.2"


def test_queueing_is_an_event_in_json(desk: Desk, halted: str) -> None:
    name = queued(desk)
    desk.at_tick(3, lambda: queued(desk, "1.0.0"))
    events = [json.loads(line) for line in desk.type(f"watch {name} --json").stdout.splitlines()]
    [output] = [event for event in events if event["event"] == "queued"]
    assert (output["waits_for"], output["state"]) == (halted, "HALTED")
    assert (events[-1]["state"], events[-1]["code"]) == ("SUPERSEDED", 1)


def test_queued_deployment_without_an_execution_is_not_lost(desk: Desk, halted: str) -> None:
    polled = Poller(desk.connection, CLUSTER, queued(desk)).poll()
    assert polled.run is not None
    assert not polled.run.running
    found = outcome_of(polled, desk.connection)
    assert found is not None
    assert (found.state, found.code) == ("QUEUED", 1)
    assert f"queued behind {halted}, which is HALTED and waits for a decision" in found.reason
    output = "hello 1.0.2 to production: QUEUED, waits for 1.0.1, HALTED"
    assert headline(polled) == output


def test_queued_deployment_that_never_begins_is_lost_and_shows_the_command(desk: Desk, halted: str) -> None:
    name = queued(desk)
    memory = desk.machine.memory
    memory.leases.release(CLUSTER, memory.leases.current(CLUSTER))
    began = desk.machine.now
    done = desk.type("watch hello")
    assert done.exit_code == 1
    assert f"{name}: LOST: the cluster is free, but the deployment has not begun" in done.stdout
    assert "lifecycle converge hello" in done.stdout
    assert "nothing is being built or deployed" not in done.stdout
    assert (desk.machine.now - began).total_seconds() >= 5


def test_status_shows_the_queued_deployment(desk: Desk, halted: str) -> None:
    name = queued(desk)
    output = desk.type("status").stdout
    assert re.search(
        rf"{name}: 1\.0\.2, QUEUED, since 2026-11-23 12:00:\d\d UTC \(now\), requested by ada: newer\n", output
    )
    [cluster] = desk.facts("status")["clusters"]
    assert cluster["waiting"]["deployment"] == name
    assert cluster["lease"] == halted


def test_history_shows_queued_and_superseded_states(desk: Desk, halted: str) -> None:
    older = queued(desk)
    desk.machine.memory.clock.sleep(1)
    newer = queued(desk, "1.0.0")
    states = {each["deployment"]: each["state"] for each in desk.facts("history hello")["deployments"]}
    assert (states[newer], states[older], states[halted]) == ("QUEUED", "SUPERSEDED", "HALTED")


def test_rollback_explains_what_happens_to_the_queued_deployment(desk: Desk, halted: str) -> None:
    name = queued(desk)
    done = desk.type("rollback hello --reason slow")
    assert done.exit_code == 0, done.output
    assert f"queued: {name}, 1.0.2: is refused after a rollback\n" in done.stdout
    assert desk.machine.record(name).state is DeploymentState.REFUSED


def test_cancel_ends_the_queued_deployment_only(desk: Desk) -> None:
    halted = desk.halted()
    name = queued(desk)
    done = desk.type("cancel hello --yes --why unwanted")
    assert done.exit_code == 0, done.output
    assert f"cancelled: {name} (1.0.2) no longer waits for production/hello" in done.stdout
    assert desk.machine.record(name).state is DeploymentState.ABORTED
    assert "cancelled by ada: unwanted" in desk.machine.record(name).reason
    assert desk.machine.record(halted).state is DeploymentState.HALTED
    again = desk.type("cancel hello --yes --why unwanted")
    assert (again.exit_code, "no deployment is queued for production/hello" in again.stderr) == (1, True)


def test_watch_of_a_deployment_queued_behind_a_halt_ends_with_the_command(desk: Desk, halted: str) -> None:
    name = queued(desk)
    done = desk.type(f"watch {name}")
    assert done.exit_code == 1
    assert f"{name}: QUEUED: queued behind {halted}, which is HALTED" in done.stdout
    assert desk.machine.record(name).state is DeploymentState.QUEUED
