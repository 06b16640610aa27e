"""watch, as typed; and the outcomes of following a deployment."""

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError
from rich.console import Console

from apps.cli.output.live import SilentScreen, headline, live_table
from apps.cli.output.printer import Printer
from apps.cli.output.text import clean
from apps.cli.ports import Run
from apps.cli.watch.deployment import watch_deployment
from apps.cli.watch.deployment_view import Poller
from apps.cli.watch.follow import follow
from apps.cli.watch.outcome import outcome_of
from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import SNAPSHOTS, Desk

COMMIT = "0123456789" * 4


def test_watch_prints_one_line_for_each_event(desk: Desk) -> None:
    name = desk.machine.deploy("1.0.1")
    lines = desk.type(f"watch {name}").stdout.splitlines()
    assert sum(line.endswith("  alive") for line in lines) == 4
    assert all(" UTC  " in line for line in lines[1:-2])


def test_watch_as_json_is_one_object_on_each_line(desk: Desk) -> None:
    name = desk.machine.deploy("1.0.1")
    events = [json.loads(line) for line in desk.type(f"watch {name} --json").stdout.splitlines()]
    assert {event["event"] for event in events} == {"trail", "end"}
    assert (events[-1]["state"], events[-1]["code"]) == ("DONE", 0)


def test_watch_of_a_service_follows_its_running_deployment(desk: Desk) -> None:
    name = desk.halted()
    done = desk.type("watch hello")
    assert done.exit_code == 1
    assert f"{name}: HALTED" in done.stdout


def test_watch_of_an_idle_service_shows_the_last_outcome(desk: Desk) -> None:
    done = desk.type("watch hello")
    assert done.exit_code == 0
    assert "no build or deployment of hello runs; the last one:" in done.stdout
    assert ": DONE: " in done.stdout


def test_unknown_deployment_is_an_error_and_does_not_hang(desk: Desk) -> None:
    done = desk.type("watch hello-production-20261123000000-beef")
    assert done.exit_code == 1
    assert (
        "deployment 'hello-production-20261123000000-beef' not found; did you mean 'hello-production-" in done.stderr
    )


def test_refused_execution_is_shown_with_its_reasons(desk: Desk) -> None:
    name, now = "hello-production-20261123000000-beef", desk.machine.now
    desk.runs.fixed[name] = Run(
        name, "FAILED", now, now, error="Refused", cause="host-1 is unreachable; host-2 is down"
    )
    done = desk.type(f"watch {name}")
    assert done.exit_code == 1
    assert f"{name}: REFUSED: host-1 is unreachable; host-2 is down" in done.stdout


def test_execution_that_failed_before_planning_is_shown_with_its_error(desk: Desk) -> None:
    name, now = "hello-production-20261123000000-beef", desk.machine.now
    desk.runs.fixed[name] = Run(name, "FAILED", now, now, error="States.Timeout", cause="plan took too long")
    done = desk.type(f"watch {name}")
    assert done.exit_code == 1
    assert "ended during planning: States.Timeout: plan took too long" in done.stdout


def test_execution_that_ended_before_its_deployment_is_reported(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.memory.deployments.put(_running(desk, name))
    now = desk.machine.now
    desk.runs.fixed[name] = Run(name, "ABORTED", now, now, error="Stopped", cause="by hand")
    done = desk.type(f"watch {name}")
    assert done.exit_code == 1
    assert "ended before its deployment (Stopped: by hand); continue it: lifecycle converge hello" in done.stdout


def _running(desk: Desk, name: str) -> Deployment:
    return replace(desk.machine.record(name), state=DeploymentState.RUNNING)


def test_long_rollout_is_followed_into_its_next_execution(desk: Desk) -> None:
    name, now = desk.halted(), desk.machine.now
    desk.machine.memory.deployments.put(_running(desk, name))
    desk.runs.fixed[name] = Run(name, "SUCCEEDED", now, now, output={"execution": f"{name}.2"})
    desk.runs.fixed[f"{name}.2"] = Run(f"{name}.2", "RUNNING", now)
    polled = Poller(desk.connection, CLUSTER, name).poll()
    assert polled.run is not None
    assert polled.run.name == f"{name}.2"
    assert outcome_of(polled, desk.connection) is None


def test_watch_ends_only_when_the_lease_is_released(desk: Desk) -> None:
    name = desk.machine.deploy("1.0.1")
    lease = desk.machine.memory.leases.acquire(CLUSTER, name, desk.machine.now)
    ticks_seen: list[str] = []

    def free() -> None:
        ticks_seen.append(desk.machine.memory.leases.current(CLUSTER).deployment)
        if len(ticks_seen) == 3:
            desk.machine.memory.leases.release(CLUSTER, lease)

    desk.machine.memory.clock.ticks.append(free)
    assert follow(desk.connection, CLUSTER, name, SilentScreen()).state == "DONE"
    assert ticks_seen == [name, name, name]


def test_watch_ends_even_if_the_lease_is_never_released(desk: Desk) -> None:
    name = desk.machine.deploy("1.0.1")
    desk.machine.memory.leases.acquire(CLUSTER, name, desk.machine.now)
    assert follow(desk.connection, CLUSTER, name, SilentScreen()).code == 0


UNREACHABLE = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeExecution")


@pytest.mark.parametrize("error", [UNREACHABLE, THROTTLED, ResponseParserError("<html>")])
def test_reads_that_fail_for_a_while_do_not_end_the_watch(desk: Desk, error: Exception) -> None:
    name = desk.machine.deploy("1.0.1")
    desk.runs.fails = error

    def mend() -> None:
        desk.runs.fails = None

    desk.at_tick(int(29 / desk.connection.poll_seconds), mend)
    assert follow(desk.connection, CLUSTER, name, SilentScreen(), begun=True).state == "DONE"


def test_watch_that_can_read_nothing_for_30_seconds_ends_with_the_command(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.memory.deployments.put(_running(desk, name))

    def lose() -> None:
        desk.runs.fails = THROTTLED

    desk.at_tick(3, lose)
    began = desk.machine.now
    done = desk.type(f"watch {name}")
    assert done.exit_code == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"{name}: LOST_SIGHT: its state could not be read for 30 s: AWS is throttling ")
    assert last.endswith(f"; it may still go on; watch it again: lifecycle watch {name}")
    assert timedelta(seconds=30) <= desk.machine.now - began < timedelta(seconds=33)


def test_watch_waits_for_a_rollback_that_is_not_visible_yet(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    rollback = "hello-production-20261123000000-beef"
    desk.runs.fixed[name] = Run(name, "SUCCEEDED", desk.machine.now, output={"rollback": rollback})
    desk.runs.fixed[rollback] = None
    code, endings = watch_deployment(Printer(terminal=False), desk.connection, name)
    assert code == 1
    assert [end["state"] for end in endings] == ["ROLLED_BACK", "LOST_SIGHT"]


def test_watch_does_not_wait_for_a_deployment_it_never_read(desk: Desk) -> None:
    name, began = desk.machine.deploy("1.0.1"), desk.machine.now
    desk.runs.fails = UNREACHABLE
    done = desk.type(f"watch {name}")
    assert (done.exit_code, desk.machine.now) == (1, began)
    assert "error: the environment on this machine does not answer" in done.stderr


def test_bug_is_not_mistaken_for_an_outage(desk: Desk) -> None:
    name = desk.machine.deploy("1.0.1")
    desk.runs.fails = KeyError("status")
    with pytest.raises(KeyError):
        follow(desk.connection, CLUSTER, name, SilentScreen(), begun=True)


def test_halt_that_is_being_rolled_back_does_not_end_the_watch(desk: Desk) -> None:
    name = desk.halted()
    answer = Answer(Choice.ROLL_BACK, "grace", "slow", desk.machine.now)
    request_rollback(desk.machine.context, CLUSTER, name, answer)
    assert outcome_of(Poller(desk.connection, CLUSTER, name).poll(), desk.connection) is None


def test_interrupted_watch_prints_the_command_to_watch_again(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    name = desk.halted()
    desk.machine.memory.deployments.put(_running(desk, name))

    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.machine.memory.clock.ticks.append(interrupt)
    code, _ = watch_deployment(Printer(terminal=False), desk.connection, name)
    assert code == 130
    assert f"the deployment goes on; watch it again: lifecycle watch {name}" in capsys.readouterr().err


def test_watch_shows_an_approval_once_and_goes_on() -> None:
    desk = Desk(Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    name = desk.machine.deploy("1.0.0")
    ticks_seen: list[None] = []

    def approve() -> None:
        ticks_seen.append(None)
        if len(ticks_seen) == 3:
            desk.machine.memory.clock.ticks.remove(approve)
            desk.machine.approve(name, Choice.APPROVE)

    desk.machine.memory.clock.ticks.append(approve)
    done = desk.type(f"watch {name}")
    assert done.exit_code == 0, done.output
    assert done.stdout.count(f"lifecycle approve hello --deployment {name} --why '...'") == 1


def test_live_screen_shows_the_state_of_each_host(desk: Desk) -> None:
    name = desk.halted()
    now = desk.machine.now
    started = HostAttempt(name, "host-3", 1, 1, name, now, AttemptState.DRAINED, AttemptState.DRAINED)
    desk.machine.memory.deployments.put_attempt(started)
    polled = Poller(desk.connection, CLUSTER, name).poll()
    hosts = polled.hosts
    assert {host.host: host.status.word for host in hosts} == {
        "host-1": "waiting",
        "host-2": "failed",
        "host-3": "installing",
        "host-4": "waiting",
    }
    assert headline(polled) == "hello 1.0.1 to production: HALTED, 0 of 4 hosts"
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    console.print(live_table(polled, 100))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert [clean(line).split()[0] for line in drawn.splitlines()[2:]] == [
        "HOST",
        *(host.host for host in hosts),
    ]
    assert max(len(clean(line)) for line in drawn.splitlines()) <= 80


def test_live_screen_leaves_out_removed_and_quarantined_hosts(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.memory.fleet.remove(CLUSTER, "host-3")
    desk.machine.memory.fleet.quarantine_host(CLUSTER, "host-4", "disk")
    hosts = Poller(desk.connection, CLUSTER, name).poll().hosts
    states = {host.host: host.status.word for host in hosts}
    assert states == {"host-1": "waiting", "host-2": "failed", "host-3": "gone"}


def test_unreachable_host_is_not_shown_as_failed(desk: Desk) -> None:
    name, now = desk.halted(), desk.machine.now
    gone = HostAttempt(name, "host-3", 1, 1, name, now, AttemptState.FAILED, reason="silent", unreachable=True)
    desk.machine.memory.deployments.put_attempt(gone)
    hosts = Poller(desk.connection, CLUSTER, name).poll().hosts
    assert {host.host: host.status.word for host in hosts}["host-3"] == "unreachable"


def push(desk: Desk, status: str, **more: object) -> str:
    name, now = f"hello-{COMMIT}", desk.machine.now
    desk.runs.pushes[name] = Run(name, status, now, **more)  # type: ignore[arg-type]
    return name


def test_push_is_followed_to_its_snapshot(desk: Desk) -> None:
    name = push(desk, "RUNNING")
    desk.runs.phases = ["building: install", "building: build", "recording the snapshot"]
    ticks: list[None] = []

    def end() -> None:
        ticks.append(None)
        if len(ticks) == 4:
            output = {"service": "hello", "version": SNAPSHOTS[2], "staging": None}
            push(desk, "SUCCEEDED", stopped_at=desk.machine.now, output=output)

    desk.machine.memory.clock.ticks.append(end)
    done = desk.type("watch hello")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[1:5] == [
        f"run: {name}",
        "  0 s: building: install",
        "  0.3 s: building: build",
        "  0.6 s: recording the snapshot",
    ]
    assert lines[-1] == f"next: lifecycle promote hello {SNAPSHOTS[2]}"


def test_the_builds_log_is_followed_live(desk: Desk) -> None:
    name = push(desk, "RUNNING")
    desk.runs.builds[name] = "lifecycle-build:1"
    log = desk.build_logs.lines.setdefault("lifecycle-build:1", ["== build 1/1: make"])
    throttled = CallFailed("throttled", service="logs", operation="GetLogEvents", code="Throttling", temporary=True)
    desk.build_logs.fails.append(throttled)

    def go_on() -> None:
        log.append(f"line {len(log)} \x1b[31m")
        if len(log) == 4:
            push(desk, "FAILED", error="BuildFailed", cause="it failed")

    desk.machine.memory.clock.ticks.append(go_on)
    done = desk.type("watch hello")
    shown = [line for line in done.stdout.splitlines() if line.startswith("    | ")]
    assert [line.split()[1] for line in shown] == ["==", "line", "line", "line", "it"]
    assert "\x1b" not in done.stdout
    assert f"log: lifecycle build --log {name}" in done.stdout


def test_the_log_of_a_build_that_has_ended_is_shown(desk: Desk) -> None:
    name = push(desk, "FAILED")
    assert "build of hello" in desk.type("build --log hello").stderr.replace(name, "hello")
    desk.runs.builds[name] = "lifecycle-build:1"
    desk.build_logs.lines["lifecycle-build:1"] = ["one", "two"]
    done = desk.type("build --log hello")
    assert (done.exit_code, done.stdout.splitlines()[-2:]) == (0, ["    | one", "    | two"])


def test_snapshot_goes_to_staging_first_where_staging_exists(desk: Desk) -> None:
    desk.machine.memory.registry._deployed.add(Cluster("staging", "hello"))
    push(desk, "SUCCEEDED", output={"service": "hello", "version": SNAPSHOTS[2], "staging": None})
    lines = desk.type("watch hello").stdout.splitlines()
    assert lines[-1] == f"next: lifecycle deploy hello {SNAPSHOTS[2]} --environment staging"


def test_failed_build_shows_the_end_of_its_log(desk: Desk) -> None:
    name = push(desk, "FAILED", error="BuildFailed", cause="build FAILED in BUILD\n== unit tests 1/1\nE  1 != 2")
    done = desk.type("watch --run hello")
    assert done.exit_code == 1
    assert f"{name}: BuildFailed: no snapshot" in done.stdout
    assert "    | E  1 != 2\n" in done.stdout
    assert f"lifecycle build --again {name}" in done.stdout


def test_run_is_found_by_its_commit(desk: Desk) -> None:
    name = push(desk, "FAILED")
    assert name in desk.type(f"watch --run {COMMIT[:7]}").stdout
    assert desk.type("watch --run fffffff").exit_code == 1


def test_cancelled_run_ends_with_its_build(desk: Desk) -> None:
    name = push(desk, "RUNNING")
    desk.executions.start_delivery(name, {})
    done = desk.type(f"cancel {name} --yes --why", "the wrong branch")
    assert done.exit_code == 0, done.output
    assert f"{name} is cancelled" in done.stdout
    assert desk.executions.causes[name] == "cancelled by ada: the wrong branch"
    assert desk.type("cancel --run hello --yes --why", "again").exit_code == 0
    assert "expected a SERVICE, a RUN, or --run NAME" in desk.type("cancel --why", "nothing").stderr


def test_build_again_takes_the_next_free_number(desk: Desk) -> None:
    name = push(desk, "FAILED", input={"name": "hello", "commit": COMMIT})
    desk.executions.start_delivery(f"{name}_2", {})
    done = desk.type("build --again hello")
    assert done.exit_code == 0, done.output
    assert desk.executions.deliveries[f"{name}_3"] == {"name": "hello", "commit": COMMIT}
    assert done.stdout.splitlines()[-1] == f"next: lifecycle watch --run {name}_3"


def test_several_running_builds_and_deployments_are_named(desk: Desk) -> None:
    name, run = desk.halted(), push(desk, "RUNNING")
    done = desk.type("watch")
    assert done.exit_code == 1
    assert f"name one: {name}, {run}" in done.stderr
