"""pause and resume, as typed."""

import json

import pytest
from botocore.exceptions import EndpointConnectionError

from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk


@pytest.fixture
def paused(desk: Desk) -> str:
    """1.0.1 was paused while its first host was under way; the deployment's name."""
    desk.at_tick(3, lambda: desk.type("pause hello --why", "latency rises"))
    name = desk.machine.deploy("1.0.1")
    assert desk.machine.record(name).state is DeploymentState.PAUSED
    return name


def test_pause_concerns_the_whole_deployment(desk: Desk, paused: str) -> None:
    [(phase, payload)] = desk.functions.calls
    assert phase == "decide"
    assert payload == {
        "deployment": paused,
        "service": "hello",
        "environment": "production",
        "choice": "PAUSE",
        "by": "ada",
        "why": "latency rises",
    }


def test_pause_lists_the_hosts_that_are_finished_first(desk: Desk) -> None:
    output: list[str] = []
    desk.at_tick(3, lambda: output.append(desk.type("pause hello --why slow").stdout))
    name = desk.machine.deploy("1.0.1")
    assert "recorded: PAUSE by ada: no further host is updated; finished first: host-2\n" in output[0]
    assert f"  lifecycle resume {name} --why '...'\n" in output[0]
    assert f"  lifecycle resume {name} --abort --why '...'\n" in output[0]
    assert sorted(desk.machine.serving().values()) == ["1.0.0", "1.0.0", "1.0.0", "1.0.1"]


def test_status_shows_the_pause_and_its_commands(desk: Desk, paused: str) -> None:
    output = desk.type("status").stdout
    assert next(line for line in output.splitlines() if line.startswith("production/")).endswith("  PAUSED")
    assert "paused by ada at 2026-11-23 12:00:03 UTC: latency rises; no further host is updated" in output
    assert f"lifecycle resume {paused} --why '...'" in output
    [cluster] = desk.facts("status")["clusters"]
    assert cluster["question"]["asks"] == "resume"


def test_watch_shows_a_pause_once_and_goes_on_after_the_resume(desk: Desk, paused: str) -> None:
    desk.at_tick(4, lambda: desk.type("resume hello --why fine"))
    done = desk.type("watch hello")
    assert done.exit_code == 0, done.output
    assert done.stdout.count(f"lifecycle resume {paused} --why '...'") == 1
    assert "answered RESUME by ada: fine" in done.stdout
    assert f"{paused}: DONE: 4 hosts serve 1.0.1" in done.stdout


def test_pause_is_a_question_event_in_json(desk: Desk, paused: str) -> None:
    desk.at_tick(2, lambda: desk.type("resume hello --why fine"))
    events = [json.loads(line) for line in desk.type("watch hello --json").stdout.splitlines()]
    [asked] = [event for event in events if event["event"] == "question"]
    assert [each["choice"] for each in asked["choices"]] == ["RESUME", "ABORT"]


def test_resume_with_watch_follows_to_the_end(desk: Desk, paused: str) -> None:
    done = desk.type("resume hello --why fine --watch")
    assert done.exit_code == 0, done.output
    assert f"{paused}: hello 1.0.1 to production: PAUSED, 1 of 4 hosts\n" in done.stdout
    assert set(desk.machine.serving().values()) == {"1.0.1"}


def test_abort_leaves_every_host_as_it_is(desk: Desk, paused: str) -> None:
    done = desk.type(f"resume {paused} --abort --yes --why worse")
    assert done.exit_code == 0, done.output
    assert "ABORT: stop here: touch no further host, leave everything as it is" in done.stdout
    assert desk.machine.record(paused).state is DeploymentState.ABORTED
    assert sorted(desk.machine.serving().values()) == ["1.0.0", "1.0.0", "1.0.0", "1.0.1"]


def test_second_pause_is_refused_and_names_the_first(desk: Desk, paused: str) -> None:
    done = desk.type("pause hello --why again")
    assert done.exit_code == 1
    assert "is refused: paused by ada at 2026-11-23 12:00:03 UTC: latency rises" in done.stderr


def test_pause_can_be_neither_approved_nor_decided(desk: Desk, paused: str) -> None:
    for command in ("approve hello --why fine", "decide hello RETRY"):
        done = desk.type(command)
        assert done.exit_code == 1
        assert f"{paused} is PAUSED. See `lifecycle status hello`" in done.stderr


def test_deployment_that_is_not_paused_cannot_be_resumed(desk: Desk) -> None:
    name = desk.halted()
    done = desk.type("resume hello --why fine")
    assert done.exit_code == 1
    assert f"waits for a resume. {name} is HALTED" in done.stderr


def test_pause_without_a_running_deployment_is_an_error(desk: Desk) -> None:
    done = desk.type("pause hello --why slow")
    assert done.exit_code == 1
    assert "no deployment of hello is running. Nothing is being deployed" in done.stderr
    assert desk.functions.calls == []


def test_pause_shows_a_pending_approval_too() -> None:
    desk = Desk(Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    name = desk.machine.deploy("1.0.0")
    assert "also waits for an approval: lifecycle status hello" in desk.type("pause hello --why wait").stdout
    output = desk.type("status").stdout
    assert f"lifecycle approve hello --deployment {name} --why '...'" in output
    assert f"lifecycle resume {name} --why '...'" in output
    [cluster] = desk.facts("status")["clusters"]
    assert [each["asks"] for each in cluster["questions"]] == ["approval", "resume"]
    assert "also waits for an approval" in desk.type("resume hello --why fine").stdout


def test_paused_halt_still_needs_its_decision(desk: Desk) -> None:
    desk.halted()
    assert "also waits for a decision: lifecycle status hello" in desk.type("pause hello --why wait").stdout
    done = desk.type("decide hello SKIP_HOST --why bad")
    assert done.exit_code == 0, done.output
    assert desk.facts("status")["clusters"][0]["deployment"]["state"] == "PAUSED"
    assert desk.type("resume hello --why fine --watch").exit_code == 0


@pytest.mark.parametrize("why", ["", "  ", "x" * 1001])
def test_empty_or_long_reason_is_refused(desk: Desk, why: str) -> None:
    done = desk.type("pause hello --why", why)
    assert done.exit_code == 2
    assert "1000" in done.stderr
    assert desk.functions.calls == []


def test_trail_records_who_paused_and_resumed(desk: Desk, paused: str) -> None:
    desk.type("resume hello --why fine")
    output = [line.split("  ", 2)[2] for line in desk.type("history hello --trail").stdout.splitlines()[2:]]
    assert "pause by ada: latency rises" in output
    assert "answered RESUME by ada: fine" in output
    assert desk.machine.memory.leases.current(CLUSTER).deployment == ""


def test_resumed_deployment_is_named_in_json_even_if_it_cannot_be_watched(desk: Desk, paused: str) -> None:
    def lose() -> None:
        desk.runs.fails = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")

    desk.at_tick(1, lose)
    found = desk.facts("resume hello --why back --watch")
    assert (found["deployment"], found["choice"]) == (paused, "RESUME")
    assert [(end["deployment"], end["state"]) for end in found["endings"]] == [(paused, "LOST_SIGHT")]


def test_paused_deployment_is_aborted(desk: Desk, paused: str) -> None:
    assert desk.type("abort hello --why worse --yes").exit_code == 0
    assert desk.machine.record(paused).state is DeploymentState.ABORTED
