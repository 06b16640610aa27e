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


def test_a_pause_is_about_the_whole_deployment(desk: Desk, paused: str) -> None:
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


def test_a_pause_says_which_hosts_are_finished_first(desk: Desk) -> None:
    told: list[str] = []
    desk.at_tick(3, lambda: told.append(desk.type("pause hello --why slow").stdout))
    name = desk.machine.deploy("1.0.1")
    assert "recorded: PAUSE by ada: no further host is updated; finished first: host-2\n" in told[0]
    assert f"  lifecycle resume {name} --why '...'\n" in told[0]
    assert f"  lifecycle resume {name} --abort --why '...'\n" in told[0]
    assert sorted(desk.machine.serving().values()) == ["1.0.0", "1.0.0", "1.0.0", "1.0.1"]


def test_status_shows_the_pause_and_how_to_end_it(desk: Desk, paused: str) -> None:
    told = desk.type("status").stdout
    assert next(line for line in told.splitlines() if line.startswith("production/")).endswith("  PAUSED")
    assert "paused by ada at 2026-11-23 12:00:07 UTC: latency rises; no further host is updated" in told
    assert f"lifecycle resume {paused} --why '...'" in told
    [cluster] = desk.facts("status")["clusters"]
    assert cluster["question"]["asks"] == "resume"


def test_watching_tells_a_pause_once_and_goes_on_when_it_is_resumed(desk: Desk, paused: str) -> None:
    desk.at_tick(4, lambda: desk.type("resume hello --why fine"))
    done = desk.type("watch hello")
    assert done.exit_code == 0, done.output
    assert done.stdout.count(f"lifecycle resume {paused} --why '...'") == 1
    assert "answered RESUME by ada: fine" in done.stdout
    assert f"{paused}: DONE: 4 hosts serve 1.0.1" in done.stdout


def test_a_pause_is_a_question_for_programs(desk: Desk, paused: str) -> None:
    desk.at_tick(2, lambda: desk.type("resume hello --why fine"))
    events = [json.loads(line) for line in desk.type("watch hello --json").stdout.splitlines()]
    [asked] = [event for event in events if event["event"] == "question"]
    assert [each["choice"] for each in asked["choices"]] == ["RESUME", "ABORT"]


def test_a_resume_may_be_watched_to_the_end(desk: Desk, paused: str) -> None:
    done = desk.type("resume hello --why fine --watch")
    assert done.exit_code == 0, done.output
    assert f"{paused}: hello 1.0.1 to production: PAUSED, 1 of 4 hosts\n" in done.stdout
    assert set(desk.machine.serving().values()) == {"1.0.1"}


def test_an_abort_leaves_every_host_as_it_is(desk: Desk, paused: str) -> None:
    done = desk.type(f"resume {paused} --abort --why worse")
    assert done.exit_code == 0, done.output
    assert "ABORT: stop here: touch no further host, leave everything as it is" in done.stdout
    assert desk.machine.record(paused).state is DeploymentState.ABORTED
    assert sorted(desk.machine.serving().values()) == ["1.0.0", "1.0.0", "1.0.0", "1.0.1"]


def test_a_second_pause_is_refused_with_who_paused_before(desk: Desk, paused: str) -> None:
    done = desk.type("pause hello --why again")
    assert done.exit_code == 1
    assert "is refused: paused by ada at 2026-11-23 12:00:07 UTC: latency rises" in done.stderr


def test_a_pause_is_no_approval_and_no_decision(desk: Desk, paused: str) -> None:
    for command in ("approve hello --why fine", "decide hello RETRY"):
        done = desk.type(command)
        assert done.exit_code == 1
        assert f"{paused} is PAUSED; see: lifecycle status hello" in done.stderr


def test_what_is_not_paused_cannot_be_resumed(desk: Desk) -> None:
    name = desk.halted()
    done = desk.type("resume hello --why fine")
    assert done.exit_code == 1
    assert f"that waits for a resume; {name} is HALTED" in done.stderr


def test_where_nothing_runs_there_is_nothing_to_pause(desk: Desk) -> None:
    done = desk.type("pause hello --why slow")
    assert done.exit_code == 1
    assert "there is no deployment of hello that runs; nothing is being deployed" in done.stderr
    assert desk.functions.calls == []


def test_a_deployment_that_waits_for_an_approval_too_shows_both() -> None:
    desk = Desk(Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    name = desk.machine.deploy("1.0.0")
    assert "also waits for an approval: lifecycle status hello" in desk.type("pause hello --why wait").stdout
    told = desk.type("status").stdout
    assert f"lifecycle approve hello --deployment {name} --why '...'" in told
    assert f"lifecycle resume {name} --why '...'" in told
    [cluster] = desk.facts("status")["clusters"]
    assert [each["asks"] for each in cluster["questions"]] == ["approval", "resume"]
    assert "also waits for an approval" in desk.type("resume hello --why fine").stdout


def test_a_halted_deployment_that_is_paused_still_wants_its_decision(desk: Desk) -> None:
    desk.halted()
    assert "also waits for a decision: lifecycle status hello" in desk.type("pause hello --why wait").stdout
    done = desk.type("decide hello SKIP_HOST --why bad")
    assert done.exit_code == 0, done.output
    assert desk.facts("status")["clusters"][0]["deployment"]["state"] == "PAUSED"
    assert desk.type("resume hello --why fine --watch").exit_code == 0


@pytest.mark.parametrize("why", ["", "  ", "x" * 1001])
def test_a_reason_has_to_be_one(desk: Desk, why: str) -> None:
    done = desk.type("pause hello --why", why)
    assert done.exit_code == 2
    assert "1000" in done.stderr
    assert desk.functions.calls == []


def test_the_trail_tells_who_paused_and_who_went_on(desk: Desk, paused: str) -> None:
    desk.type("resume hello --why fine")
    told = [line.split("  ", 2)[2] for line in desk.type("history hello --trail").stdout.splitlines()[1:]]
    assert "pause by ada: latency rises" in told
    assert "answered RESUME by ada: fine" in told
    assert desk.machine.memory.leases.current(CLUSTER).deployment == ""


def test_a_resumed_deployment_that_nobody_can_watch_is_named_to_programs(desk: Desk, paused: str) -> None:
    def lose() -> None:
        desk.runs.fails = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")

    desk.at_tick(1, lose)
    found = desk.facts("resume hello --why back --watch")
    assert (found["deployment"], found["choice"]) == (paused, "RESUME")
    assert [(end["deployment"], end["state"]) for end in found["endings"]] == [(paused, "LOST_SIGHT")]
