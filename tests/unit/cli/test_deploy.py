"""plan, deploy and rollback, as typed."""

import json

import pytest
from botocore.exceptions import EndpointConnectionError

from lifecycle.domain.errors import Unknown
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import SNAPSHOTS, Desk

ALL = ["host-1", "host-2", "host-3", "host-4"]


def test_first_line_names_the_target(desk: Desk) -> None:
    assert desk.type("plan hello").stdout.startswith("target: laptop (a test) as ada\n")


def test_plan_shows_order_checks_time_and_next_command(desk: Desk) -> None:
    done = desk.type("plan hello")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert "plan: hello 1.0.1 to production (desired now: 1.0.0)" in lines
    assert [line.split()[1] for line in lines if line[:1].isdigit()] == [
        "host-2",
        "host-1",
        "host-4",
        "host-3",
    ]
    assert "check: self-test on each host: GET /self_test, within 10 s" in lines
    assert any(line.startswith("expected time: about ") for line in lines)
    assert "rollback target: 1.0.0" in lines
    assert lines[-1] == "next: lifecycle deploy hello 1.0.1 --environment production"


def test_plain_output_has_no_colours_and_no_boxes(desk: Desk) -> None:
    output = desk.type("plan hello").stdout + desk.type("status").stdout
    assert output.isascii()
    assert "\x1b" not in output


def test_plan_as_json_is_one_object_on_stdout(desk: Desk) -> None:
    found = desk.facts("plan hello")
    assert found["target"] == "laptop (a test) as ada"
    assert (found["version"], found["desired"], found["previous"]) == ("1.0.1", "1.0.0", "1.0.0")
    assert sorted(host["host"] for host in found["hosts"]) == ALL
    assert found["refusals"] == []


def test_blocked_plan_lists_every_blocker_and_exits_with_1(desk: Desk) -> None:
    for host in ("host-2", "host-3"):
        desk.machine.host(host).silent = True
    desk.machine.memory.clock.sleep(60)
    done = desk.type("plan hello 1.0.1")
    assert done.exit_code == 1
    assert all(f"\nblocked: {host} has been unreachable since" in done.stdout for host in ("host-2", "host-3"))
    assert done.stdout.count("\nblocked: ") == 2


def test_plan_shows_warnings(desk: Desk) -> None:
    desk.machine.host("host-3").silent = True
    desk.machine.memory.clock.sleep(60)
    desk.machine.memory.fleet.quarantine_host(CLUSTER, "host-1", "its disk fails")
    done = desk.type("plan hello 1.0.1")
    assert done.exit_code == 0
    assert "warning: host-1 is quarantined and left out: its disk fails\n" in done.stdout
    assert "warning: host-3 has been unreachable since 2026-11-23" in done.stdout
    assert any(note.startswith("host-1 is quarantined") for note in desk.facts("plan hello 1.0.1")["notes"])


def test_percentage_of_hosts_is_shown_as_a_batch_size() -> None:
    desk = Desk(Policy(max_unavailable="50%"))
    assert "batch size: 2 (50% of 4); approval: none" in desk.type("plan hello 1.0.0").stdout
    found = desk.facts("plan hello 1.0.0")
    assert (found["max_unavailable"], found["at_a_time"]) == ("50%", 2)


def test_unknown_release_is_an_error_without_a_traceback(desk: Desk) -> None:
    done = desk.type("plan hello 9.9.9")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: release '9.9.9' of hello not found; known: 1.0.1, 1.0.0. See `")


def test_deployment_is_watched_until_every_host_serves(desk: Desk) -> None:
    done = desk.type("deploy hello --reason prices")
    assert done.exit_code == 0
    assert "  host-1  alive\n" in done.stdout
    assert ": DONE: 4 hosts serve 1.0.1, in rotation and healthy (" in done.stdout
    assert done.stdout.splitlines()[-1] == "next: lifecycle status hello"
    [(name, given)] = desk.executions.rollouts.items()
    assert given == {"deployment": name}
    payload = desk.requested()
    assert (payload["deployment"], payload["version"], payload["reason"]) == (name, "1.0.1", "prices")
    assert (payload["requested_by"], payload["kind"]) == ("ada", "DEPLOY")


def test_deployment_of_the_present_version_starts_nothing(desk: Desk) -> None:
    done = desk.type("deploy hello 1.0.0")
    assert done.exit_code == 0
    assert "nothing to do: host-1, host-2, host-3, host-4 serve 1.0.0" in done.stdout
    assert desk.executions.rollouts == {}


def test_blocked_deployment_starts_nothing(desk: Desk) -> None:
    desk.machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "it was slow")
    done = desk.type("deploy hello 1.0.1")
    assert done.exit_code == 1
    assert "blocked: 1.0.1 is quarantined: it was slow; " in done.stdout
    assert desk.executions.rollouts == {}


def test_deployment_without_watch_prints_the_watch_command(desk: Desk) -> None:
    done = desk.type("deploy hello --no-watch")
    [name] = desk.executions.rollouts
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == f"next: lifecycle watch {name}"


def test_halt_shows_the_evidence_before_the_commands(desk: Desk) -> None:
    desk.break_host("host-2", "1.0.1")
    done = desk.type("deploy hello 1.0.1")
    [name] = desk.executions.rollouts
    assert done.exit_code == 1
    failed = done.stdout.index("host-2, attempt 1, failed: failed while self-testing: scripted")
    command = f"lifecycle decide {name} ROLL_BACK --host host-2 --attempt 1 --why '...'"
    assert failed < done.stdout.index(command)
    assert f"# RETRY: {desk.effect(name, Choice.RETRY)}\n" in done.stdout


def test_deployment_as_json_is_one_object_with_its_outcome(desk: Desk) -> None:
    found = desk.facts("deploy hello")
    assert found["started"] is True
    assert found["plan"]["version"] == "1.0.1"
    assert [(end["state"], end["code"]) for end in found["endings"]] == [("DONE", 0)]


def test_started_deployment_is_named_even_if_it_cannot_be_watched(desk: Desk) -> None:
    desk.runs.fails = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")
    done = desk.type("deploy hello --json")
    [name] = desk.executions.rollouts
    assert (done.exit_code, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert (found["deployment"], found["started"]) == (name, True)
    [end] = found["endings"]
    assert (end["deployment"], end["state"], end["code"]) == (name, "LOST_SIGHT", 1)
    assert end["reason"].endswith(f"watch it again: lifecycle watch {name}")
    output = desk.type("rollback hello").stdout
    assert "\nstarted: hello-production-" in output
    assert (
        ": LOST_SIGHT: its state could not be read for 30 s: the environment on this machine does not answer"
        in output
    )


def test_watch_waits_for_an_execution_that_is_not_visible_yet(desk: Desk) -> None:
    desk.runs.fails = Unknown("deployment", "it", "it has neither a record nor an execution")
    [end] = desk.facts("deploy hello")["endings"]
    assert end["state"] == "LOST_SIGHT"


def test_json_names_the_deployment_even_if_watching_fails(desk: Desk) -> None:
    desk.runs.fails = KeyError("status")
    done = desk.type("deploy hello --json")
    [name] = desk.executions.rollouts
    assert (done.exit_code, json.loads(done.stdout)["deployment"]) == (1, name)
    assert "unexpected KeyError" in done.stderr


def test_quarantined_version_needs_an_override(desk: Desk) -> None:
    desk.machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "it was slow")
    assert desk.type("deploy hello 1.0.1").exit_code == 1
    assert desk.type("deploy hello 1.0.1 --even-if-quarantined").exit_code == 0


def test_freeze_is_overridden_only_with_a_reason(desk: Desk) -> None:
    desk.type("freeze production --why moving")
    assert "is frozen since" in desk.type("deploy hello 1.0.1").stdout
    done = desk.type("deploy hello 1.0.1 --despite-freeze --reason", " ")
    assert done.exit_code == 1
    assert "--despite-freeze needs a --why" in done.stderr
    assert desk.executions.rollouts == {}
    done = desk.type("deploy hello 1.0.1 --despite-freeze --reason", "checkout is down")
    assert done.exit_code == 0, done.output
    assert "override freeze by ada: checkout is down" in done.stdout
    payload = desk.requested()
    assert payload["overrides"] == ["FREEZE"]


def test_plan_with_overrides_needs_no_reason_and_suggests_the_same_overrides(desk: Desk) -> None:
    desk.type("freeze production --why moving")
    desk.machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "it was slow")
    done = desk.type("plan hello 1.0.1 --despite-freeze --even-if-quarantined")
    assert done.exit_code == 0
    last = done.stdout.splitlines()[-1]
    assert last.endswith("--environment production --even-if-quarantined --despite-freeze --why '...'")


def test_deployment_without_rollback_target_needs_an_override(desk: Desk) -> None:
    desk.machine.memory.artifacts.delete("hello", "1.0.0")
    assert "blocked: there is no rollback target" in desk.type("deploy hello 1.0.1").stdout
    assert desk.type("deploy hello 1.0.1 --without-rollback-target").exit_code == 0


def test_former_spelling_of_an_option_still_works_but_is_not_in_the_help(desk: Desk) -> None:
    desk.machine.memory.artifacts.delete("hello", "1.0.0")
    assert desk.type("plan hello 1.0.1 --without-way-back").exit_code == 0
    assert "--without-way-back" not in desk.type("deploy --help").stdout


def test_rollback_deploys_the_version_verified_before(desk: Desk) -> None:
    last = desk.machine.deploy("1.0.1")
    done = desk.type("rollback hello --reason slow")
    assert done.exit_code == 0, done.output
    payload = desk.requested()
    assert (payload["kind"], payload["version"], payload["rollback_of"]) == (Kind.ROLLBACK, "1.0.0", last)
    assert set(desk.machine.serving().values()) == {"1.0.0"}


def test_second_rollback_does_not_deploy_the_bad_version(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    desk.type("rollback hello")
    done = desk.type("rollback hello")
    assert done.exit_code == 1
    assert "no version other than 1.0.0 was verified there" in done.stderr


def test_rollback_after_an_abort_undoes_the_aborted_deployment(desk: Desk) -> None:
    name = desk.halted()
    desk.type(f"decide {name} ABORT --host host-2 --yes --why bad")
    assert desk.machine.record(name).state is DeploymentState.ABORTED
    done = desk.type("rollback hello")
    assert done.exit_code == 0, done.output
    assert desk.requested()["rollback_of"] == name
    assert set(desk.machine.serving().values()) == {"1.0.0"}


def test_rollback_of_a_running_deployment_names_no_host(desk: Desk) -> None:
    name = desk.halted()
    done = desk.type("rollback hello --reason slow")
    assert done.exit_code == 0, done.output
    [(phase, payload)] = desk.functions.calls
    assert (phase, payload["choice"], payload["deployment"]) == ("decide", "ROLL_BACK", name)
    assert "host" not in payload
    assert f"{name}: ROLLED_BACK" in done.stdout
    assert set(desk.machine.serving().values()) == {"1.0.0"}


def test_service_that_was_never_deployed_cannot_be_rolled_back() -> None:
    done = Desk().type("rollback hello")
    assert done.exit_code == 1
    assert "never had a deployment" in done.stderr


def test_suggested_commands_reach_the_same_target(desk: Desk) -> None:
    done = desk.type("plan hello --profile shop")
    assert done.stdout.rstrip().endswith("deploy hello 1.0.1 --environment production --profile shop")


def test_unknown_environment_lists_the_choices(desk: Desk) -> None:
    done = desk.type("deploy hello --environment prod")
    assert done.exit_code == 1
    assert "did you mean 'production'? Known: staging, production" in done.stderr


def test_stdout_has_only_json_with_the_json_flag(desk: Desk) -> None:
    for command in ("status", "hosts", "history hello", "releases hello", "snapshots hello", "plan hello"):
        json.loads(desk.type(command, "--json").stdout)


@pytest.mark.parametrize("command", ["plan nope 1.0.1", "deploy nope 1.0.1 --yes"])
def test_a_version_of_an_unknown_service_names_the_known_clusters(desk: Desk, command: str) -> None:
    done = desk.type(command)
    assert done.exit_code == 1
    assert "known: production/hello" in done.output + done.stderr


def test_rollback_to_the_version_that_was_verified_last_is_a_rollback(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    assert desk.type("rollback hello --to 1.0.0 --why slow").exit_code == 0
    assert (desk.requested()["version"], desk.requested()["kind"]) == ("1.0.0", "ROLLBACK")


def test_rollback_to_an_older_version_is_a_deployment_with_its_gates(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    desk.machine.memory.catalogue.claim_release("hello", SNAPSHOTS[2], "1.0.2")
    desk.machine.deploy("1.0.2")
    done = desk.type("rollback hello --to 1.0.0 --why slow")
    assert (desk.requested()["version"], desk.requested().get("kind", "DEPLOY")) == ("1.0.0", "DEPLOY"), done.output
    assert "a rollback goes to 1.0.1, verified last before 1.0.2" in done.stdout


def test_rollback_of_a_running_deployment_to_another_version_names_what_to_do(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    desk.machine.memory.catalogue.claim_release("hello", SNAPSHOTS[2], "1.0.2")
    desk.break_host("host-2", "1.0.2")
    name = desk.machine.deploy("1.0.2")
    done = desk.type("rollback hello --to 1.0.0 --why slow")
    assert done.exit_code == 1
    assert f"{name} runs, and its rollback goes to 1.0.1" in done.stderr


def test_former_spelling_of_the_reason_is_understood(desk: Desk) -> None:
    desk.type("deploy hello 1.0.1 --reason prices --no-watch")
    assert desk.requested()["reason"] == "prices"
