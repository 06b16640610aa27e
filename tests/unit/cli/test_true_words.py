"""Commands say of a cluster what its records and convergence say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from apps.cli.commands.history import show_deployments
from apps.cli.output.printer import Printer
from apps.cli.output.text import clean
from lifecycle.application.delivery.failed_run import record_failed_run
from lifecycle.domain.fleet.host import ServiceEnd
from lifecycle.domain.rollout.deployment import Kind
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import SNAPSHOTS, Desk


def ends(desk: Desk, host: str, silent_for: timedelta = timedelta()) -> None:
    report = desk.machine.report(host)
    end = ServiceEnd(desk.machine.now, "SIGKILL", report.boot)
    changed = replace(report, running=False, boot="", ended=end, seen_at=desk.machine.now - silent_for)
    desk.machine.memory.fleet.write_report(CLUSTER, changed)


def test_quarantine_of_the_desired_version_is_shown_by_status_and_hosts(desk: Desk) -> None:
    assert desk.type("quarantine hello 1.0.0 --why slow").exit_code == 0
    said = (
        "production/hello: 1.0.0 is quarantined: slow (by ada); it is desired all the same, and drift is not repaired"
    )
    for command in ("status", "hosts hello"):
        assert said in desk.type(command).stdout
    [cluster] = desk.facts("status")["clusters"]
    assert cluster["desired_quarantined"] == "1.0.0 is quarantined: slow (by ada)"
    [cluster] = desk.facts("hosts hello")["clusters"]
    assert cluster["desired_quarantined"] == "1.0.0 is quarantined: slow (by ada)"


def test_status_promises_no_repair_of_a_quarantined_version(desk: Desk) -> None:
    ends(desk, "host-2")
    assert desk.type("quarantine hello 1.0.0 --why slow").exit_code == 0
    output = desk.type("status").stdout
    assert "SIGKILL now; convergence does not repair it now: 1.0.0 is quarantined: slow" in output
    assert "convergence repairs it" not in output


def test_status_promises_no_repair_of_a_host_without_an_agent(desk: Desk) -> None:
    ends(desk, "host-2", timedelta(minutes=9))
    output = desk.type("status").stdout
    assert "convergence does not repair it now: host-2: unreachable since" in output
    assert "start its agent" in output


def test_status_says_when_a_host_is_tried_again_after_a_failed_repair(desk: Desk) -> None:
    desk.break_host("host-2", "1.0.0")
    ends(desk, "host-2")
    end = desk.machine.report("host-2").ended
    desk.machine.memory.clock.sleep(2)
    desk.machine.deploy("1.0.0", Kind.CONVERGE, only=("host-2",))
    ends(desk, "host-2")
    desk.machine.memory.fleet.write_report(CLUSTER, replace(desk.machine.report("host-2"), ended=end))
    output = desk.type("status").stdout
    assert "does not repair it now: the last repair of host-2 failed: the next one begins after" in output


def test_watch_shows_a_rollback_as_the_last_deployment_and_not_what_was_cancelled(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.memory.clock.sleep(5)
    desk.type("deploy hello 1.0.2 --no-watch --yes")
    assert desk.type("cancel hello --yes --why unwanted").exit_code == 0
    desk.machine.memory.clock.sleep(5)
    assert desk.type(f"decide {name} ROLL_BACK --host host-2 --yes --no-watch --why bad").exit_code == 0
    done = desk.type("watch hello")
    assert done.exit_code == 0, done.output
    assert "lifecycle rollback hello" not in done.stdout


def test_rollback_names_no_rollback_target_that_it_quarantines(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    output = desk.type("rollback hello --yes --no-watch --why bad").stdout
    assert "1.0.1 is quarantined; no other verified version is left for another rollback" in output
    assert "rollback target" not in output


def test_plan_of_the_only_verified_version_is_not_called_the_first_deployment(desk: Desk) -> None:
    name = desk.halted()
    desk.type(f"decide {name} ABORT --host host-2 --yes --why bad")
    output = desk.type("plan hello 1.0.0").stdout
    assert "desired now: 1.0.1" in output
    assert "rollback target: none (no other version was verified here)" in output


def test_history_fits_80_columns_and_names_what_it_leaves_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    [each] = desk.machine.memory.deployments.recent(CLUSTER, 5)
    request = replace(each.request, deployment="clock-production-20261130073238-7b85")
    long = replace(each, request=request, target=replace(each.target, config=2))
    show_deployments(Printer(terminal=True), [long], desk.machine.now)
    lines = [clean(line).rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "(not shown at this width: began (utc), kind)"


def test_promotion_of_a_release_that_is_quarantined_does_not_say_to_deploy_it(desk: Desk) -> None:
    assert desk.type("quarantine hello 1.0.1 --why slow").exit_code == 0
    output = desk.type(f"promote hello {SNAPSHOTS[1]} --yes").stdout
    assert "1.0.1 is quarantined in production/hello: slow (by ada)" in output
    assert "lift the quarantine: lifecycle unquarantine hello 1.0.1 --why '...'" in output
    assert "lifecycle deploy" not in output
    assert desk.facts(f"promote hello {SNAPSHOTS[1]} --yes")["quarantined"] == "slow (by ada)"


def test_plan_has_for_programs_what_it_has_for_people(desk: Desk) -> None:
    assert desk.type("config set hello A=1").exit_code == 0
    desk.machine.deploy("1.0.0")
    first = desk.halted()
    assert "queued behind" in desk.type("plan hello 1.0.2").stdout
    found = desk.facts("plan hello 1.0.2")
    assert (found["desired_config"], found["previous_config"]) == (1, 1)
    assert found["rollback_target"] == "1.0.0 with config 1"
    queue = found["queue"]
    assert (queue["deployment"], queue["version"], queue["config"], queue["state"]) == (first, "1.0.1", 1, "HALTED")
    assert queue["begins"].startswith("it begins if that deployment ends DONE")
    older = desk.facts("plan hello 1.0.0")
    assert older["going_backwards"] == "going backwards: 1.0.0 is older than 1.0.1, desired now"


def test_history_for_programs_has_the_configuration_of_the_version_before(desk: Desk) -> None:
    assert desk.type("config set hello A=1").exit_code == 0
    desk.machine.deploy("1.0.0")
    desk.machine.deploy("1.0.1")
    newest = desk.facts("history hello")["deployments"][0]
    assert (newest["previous"], newest["previous_config"]) == ("1.0.0", 1)


def test_status_and_hosts_name_the_configuration_that_is_desired_and_runs(desk: Desk) -> None:
    assert desk.type("config set hello A=1").exit_code == 0
    desk.machine.deploy("1.0.0")
    assert "1.0.0 with config 1 on 4" in desk.type("status").stdout
    assert "production/hello, desired: 1.0.0 with config 1" in desk.type("hosts hello").stdout
    [cluster] = desk.facts("status")["clusters"]
    assert (cluster["running"], cluster["running_with_config"]) == ({"1.0.0": 4}, {"1.0.0 with config 1": 4})
    [cluster] = desk.facts("hosts hello")["clusters"]
    assert (cluster["desired"], cluster["config"]) == ("1.0.0", 1)


def test_trail_has_the_reason_of_a_failed_run_first_and_the_end_of_its_log_below(desk: Desk) -> None:
    log = [
        *(f"compiled part {number}" for number in range(30)),
        "error: tests failed with exit code 3",
        "phase ended",
    ]
    reason = "\n".join(["build FAILED in BUILD", *log])
    record_failed_run(desk.machine.memory.audit_log, [CLUSTER], "hello-abc", reason, desk.machine.now)
    lines = desk.type("history hello --trail").stdout.splitlines()
    [number] = [number for number, line in enumerate(lines) if "the run hello-abc failed" in line]
    assert lines[number].endswith("failed: build FAILED in BUILD: tests failed with exit code 3")
    assert lines[number + 1] == "    | compiled part 24"
    assert lines[number + 8] == "    | phase ended"
    assert not any("compiled part 23" in line for line in lines)


def test_status_of_an_ended_service_is_shown_without_a_load_balancer(desk: Desk) -> None:
    ends(desk, "host-2")
    del desk.machine.memory.dispatcher.states[CLUSTER]
    done = desk.type("status")
    assert done.exit_code == 0, done.output
    assert "SIGKILL now; convergence does not repair it now: cluster 'production/hello' not found" in done.stdout
