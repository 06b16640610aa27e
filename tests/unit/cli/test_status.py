"""status, hosts, history, converge, and the catalogue, as typed."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from apps.cli.output.layout import rich_table
from apps.cli.output.printer import Printer
from apps.cli.output.text import clean
from apps.cli.ports import Run
from lifecycle.application.queries.state_words import STAGES
from lifecycle.domain.delivery.refused_push import RefusedPush
from lifecycle.domain.fleet.host import AgentStage, ServiceEnd
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.service.policy import OnAlarm, Policy
from tests.support.rollout import CLUSTER, manifest
from tests.unit.cli.conftest import SNAPSHOTS, Desk


def test_status_shows_desired_running_and_healthy(desk: Desk) -> None:
    row = next(line for line in desk.type("status").stdout.splitlines() if line.startswith("production/hello"))
    assert row.split() == ["production/hello", "1.0.0", "1.0.0", "on", "4", "4", "of", "4", "-"]


def test_status_of_a_service_shows_its_own_builds_only(desk: Desk) -> None:
    mine, other = f"hello-{'a' * 40}", f"hello-world-{'b' * 40}"
    desk.runs.pushes = {name: Run(name, "RUNNING", desk.machine.memory.clock.now()) for name in (mine, other)}
    assert [run["run"] for run in desk.facts("status hello")["runs"]] == [mine]
    assert other not in desk.type("status hello").stdout
    assert [run["run"] for run in desk.facts("status")["runs"]] == [mine, other]


def test_status_of_a_halt_shows_the_command_of_each_choice(desk: Desk) -> None:
    name = desk.halted()
    output = desk.type("status hello").stdout
    assert f"{name}: 1.0.1, HALTED, since 2026-11-23 " in output
    assert f"lifecycle decide {name} SKIP_HOST --host host-2 --attempt 1 --why '...'" in output
    [cluster] = desk.facts("status")["clusters"]
    assert cluster["question"]["choices"][0]["choice"] == "RETRY"
    assert "token" not in cluster["question"]


def test_status_after_an_abort_shows_the_rollback_command(desk: Desk) -> None:
    name = desk.halted()
    desk.type(f"decide {name} ABORT --host host-2 --yes --why bad")
    output = desk.type("status").stdout
    assert f"{name}: 1.0.1, ABORTED: aborted by ada after host-2" in output
    assert "lifecycle rollback hello --why '...'" in output


def test_status_shows_the_end_of_the_alarm_watch(desk: Desk) -> None:
    assert [each["watched_until"] for each in desk.facts("status")["clusters"]] == [None]
    policy = Policy(watch_minutes=30, on_alarm=OnAlarm.ROLL_BACK)
    desk.machine.publish(manifest("1.2.0", policy))
    name = desk.machine.deploy("1.2.0")
    [cluster] = desk.facts("status")["clusters"]
    ended = desk.machine.record(name).finished_at
    assert ended is not None
    assert cluster["watched_until"] == (ended + timedelta(minutes=30)).isoformat()
    output = desk.type("status").stdout
    until = ended + timedelta(minutes=30)
    assert f"{name} is watched until {until:%Y-%m-%d %H:%M:%S}" in output
    assert "an alarm rolls it back" in output
    desk.machine.memory.clock.sleep(1801)
    assert "is watched" not in desk.type("status").stdout


def ends(desk: Desk, host: str) -> None:
    report = desk.machine.report(host)
    end = ServiceEnd(desk.machine.now, "SIGKILL", report.boot)
    desk.machine.memory.fleet.write_report(CLUSTER, replace(report, running=False, boot="", ended=end))


def test_status_says_how_a_service_ended_and_what_follows(desk: Desk) -> None:
    ends(desk, "host-2")
    desk.machine.memory.clock.sleep(3)
    assert "host-2 of production/hello: its service ended with SIGKILL 3.0 s ago; convergence repairs it" in (
        desk.type("status").stdout
    )
    [cluster] = desk.facts("status")["clusters"]
    assert list(cluster["ended"]) == ["host-2"]


def test_status_says_when_a_crash_loop_is_repaired_next(desk: Desk) -> None:
    ends(desk, "host-2")
    desk.machine.deploy("1.0.0", Kind.CONVERGE, only=("host-2",))
    ends(desk, "host-2")
    desk.machine.memory.clock.sleep(3)
    assert "its service ended with SIGKILL 3.0 s ago; next try in 57 s" in desk.type("status").stdout


def test_status_says_that_nothing_repairs_a_quarantined_host(desk: Desk) -> None:
    ends(desk, "host-2")
    desk.machine.memory.fleet.quarantine_host(CLUSTER, "host-2", "slow disk")
    assert "SIGKILL now; it is quarantined, so nothing repairs it" in desk.type("status").stdout


def test_status_says_which_deployment_keeps_a_service_from_its_repair(desk: Desk) -> None:
    ends(desk, "host-2")
    desk.machine.memory.clock.sleep(1)
    request = desk.machine.request("1.0.1")
    assert desk.machine.begin(request).kind == "PLANNED"
    assert f"1.0 s ago; {request.deployment} has the cluster until it ends" in desk.type("status").stdout


def test_status_says_that_a_service_is_being_repaired(desk: Desk) -> None:
    desk.machine.memory.clock.sleep(1)
    ends(desk, "host-2")
    request = desk.machine.request("1.0.0", Kind.CONVERGE, only=("host-2",))
    assert desk.machine.begin(request).kind == "PLANNED"
    assert "SIGKILL now; being repaired" in desk.type("status").stdout


def test_status_of_an_unknown_service_lists_the_known_ones(desk: Desk) -> None:
    done = desk.type("status shop")
    assert done.exit_code == 1
    assert "service 'shop' not found; known: hello" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("watch shop", "rollback shop", "cancel shop --why x", "pause shop --why x", "resume shop --why x"),
        *("approve shop --why x", "reject shop --why x", "extend shop --why x", "decide shop RETRY"),
        *("quarantine shop h1 --why x", "remove-host shop h1 --why x", "freeze production/shop --why x"),
        *("hosts shop", "history shop", "converge shop", "quarantined shop"),
        *("plan shop", "deploy shop", "promote shop", "snapshots shop", "releases shop"),
    ],
)
def test_every_command_answers_an_unknown_service_with_the_known_ones(desk: Desk, command: str) -> None:
    done = desk.type(command)
    assert done.exit_code == 1
    error = done.stderr.partition("error: ")[2]
    assert " not found" in error
    assert "hello" in error.lower().partition("known")[2]
    assert desk.functions.calls == []


def test_hosts_shows_drift_and_the_repair_command(desk: Desk) -> None:
    stopped = replace(desk.machine.report("host-3"), running=False, boot="")
    desk.machine.memory.fleet.write_report(CLUSTER, stopped)
    done = desk.type("hosts")
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("host-")}
    assert "its service does not run" in rows["host-3"]
    assert "1.0.0 (stopped)" in rows["host-3"]
    assert rows["host-1"].split()[:6] == ["host-1", "127.0.10.1:8080", "b", "1.0.0", "healthy", "passed"]
    assert done.stdout.splitlines()[-1] == "next: lifecycle converge"


def test_unreachable_agent_is_distinguished_from_a_reporting_one(desk: Desk) -> None:
    desk.machine.host("host-1").silent = True
    desk.machine.memory.clock.sleep(90)
    [cluster] = desk.facts("hosts")["clusters"]
    assert {host["host"]: host["silent"] for host in cluster["hosts"]} == {
        "host-1": True, "host-2": False, "host-3": False, "host-4": False,
    }  # fmt: skip
    output = desk.type("hosts").stdout
    assert "  unreachable, 1 min 30 s ago" in output
    assert "host-1: agent unreachable since 2026-11-23 12:00:01 UTC (" in output
    assert " ago); its service is still healthy" in output
    assert "lifecycle remove-host hello host-1 --why '...'" in output


def bind(desk: Desk) -> None:
    """Bind the hosts that report to their addresses."""
    reports = desk.machine.context.fleet.reports(CLUSTER)
    desk.machine.context.fleet.bind(CLUSTER, {host: each.address for host, each in reports.items()})


@pytest.mark.parametrize("command", ["status", "hosts", "plan hello 1.0.1"])
def test_cluster_whose_hosts_were_never_bound_is_named_with_the_command(desk: Desk, command: str) -> None:
    words = "no host of production/hello is bound, so every report counts as a host's: name them with"
    how = "`lifecycle bind-host hello --environment production --why '...'`"
    assert f"{words} {how}" in desk.type(command).stdout.replace("\n", " ").replace("  ", " ")
    bind(desk)
    assert "is bound" not in desk.type(command).stdout


def test_quarantined_host_is_shown_with_its_reason_and_not_repaired(desk: Desk) -> None:
    stopped = replace(desk.machine.report("host-3"), running=False, boot="")
    desk.machine.memory.fleet.write_report(CLUSTER, stopped)
    desk.machine.memory.fleet.quarantine_host(CLUSTER, "host-3", "its disk fails")
    bind(desk)
    lines = desk.type("hosts").stdout.splitlines()
    assert next(line for line in lines if line.startswith("host-3")).endswith("  quarantined")
    assert lines[-2:] == [
        "host-3 is quarantined: its disk fails",
        "  lifecycle unquarantine hello host-3 --why '...'",
    ]
    assert "host-3 of production/hello is quarantined: its disk fails" in desk.type("status").stdout


def test_status_shows_holder_start_and_end_of_the_lease(desk: Desk) -> None:
    name = desk.halted()
    output = desk.type("status hello").stdout
    until = r"the lease expires 2026-12-01 12:00 UTC \(in 8 d\)"
    assert re.search(rf"  has the lease since 2026-11-23 12:00:\d\d UTC \((now|\d+ s ago)\); {until}", output)
    [cluster] = desk.facts("status")["clusters"]
    assert cluster["lease"] == name
    assert cluster["lease_expires_at"].startswith("2026-12-01T12:00")


def test_self_test_of_an_earlier_boot_is_not_shown(desk: Desk) -> None:
    desk.machine.memory.fleet.write_report(CLUSTER, replace(desk.machine.report("host-1"), boot="another"))
    [cluster] = desk.facts("hosts")["clusters"]
    assert cluster["hosts"][0]["self_test"] is None


def test_history_lists_the_newest_first(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    desk.machine.deploy("1.0.0", Kind.ROLLBACK)
    found = desk.facts("history hello")["deployments"]
    assert [(each["version"], each["kind"]) for each in found] == [
        ("1.0.0", "ROLLBACK"),
        ("1.0.1", "DEPLOY"),
        ("1.0.0", "DEPLOY"),
    ]


def test_trail_shows_time_deployment_event_and_reason(desk: Desk) -> None:
    output = desk.type("history hello --trail --limit 5").stdout.splitlines()
    assert len(output) == 7
    assert output[1].startswith("newest first, times in UTC; now 2026-11-23 12:00:")
    assert output[2].startswith("2026-11-23 12:")
    assert [line[:19] for line in output[2:]] == sorted((line[:19] for line in output[2:]), reverse=True)
    name = desk.machine.memory.deployments.recent(CLUSTER, 1)[0].id
    assert output[2].endswith(f"  {name}  done: 4 hosts serve 1.0.0, in rotation and healthy")


def test_trail_fits_a_terminal_of_100_columns(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    printer = Printer(terminal=True)
    printer.entry(f"2026-11-23 12:00:01  production/hello  freeze production by ada: {'because ' * 20}", 21)
    first, *more = [clean(line) for line in capsys.readouterr().out.splitlines()]
    assert first.startswith("2026-11-23 12:00:01  production/hello  freeze production by ada: because")
    assert more
    assert all(line.startswith(" " * 21 + "because") for line in more)
    assert max(len(line) for line in (first, *more)) <= 100


def test_only_a_state_is_coloured_not_a_name_that_reads_alike() -> None:
    ready = STAGES[AgentStage.READY]
    [names, states] = rich_table(("host", "state"), [[ready.word, ready]], 80).columns
    assert [str(cell.style) for cell in names._cells] == [""]
    assert [(str(cell), str(cell.style)) for cell in states._cells] == [("ready", "cyan")]


def test_converge_shows_its_result(desk: Desk) -> None:
    done = desk.type("converge hello")
    assert done.exit_code == 0
    assert "production/hello  CONVERGED  every host serves 1.0.0" in done.stdout
    payload = desk.functions.calls[0][1]
    assert payload == {"requested_by": "ada", "service": "hello", "environment": "production"}


def test_snapshots_are_listed_with_their_releases(desk: Desk) -> None:
    found = desk.facts("snapshots hello")["snapshots"]
    assert [(each["version"], each["release"]) for each in found] == [
        (SNAPSHOTS[2], None),
        (SNAPSHOTS[1], "1.0.1"),
        (SNAPSHOTS[0], "1.0.0"),
    ]


def test_the_snapshot_of_the_head_is_promoted_unless_another_is_named(desk: Desk) -> None:
    repository = desk.connection.catalogue.claim_service("hello", "https://example.test/hello.git")
    now, head = desk.machine.now, "a" * 40
    desk.connection.catalogue.change_branch(repository, "main", lambda found: found.read(head, now))
    done = desk.type("promote hello")
    assert done.exit_code == 0, done.output
    assert desk.functions.calls[0] == (
        "promote",
        {"service": "hello", "snapshot": SNAPSHOTS[2], "requested_by": "ada"},
    )
    assert f"hello {SNAPSHOTS[2]} is now release 1.1.0" in done.stdout
    again = desk.type(f"promote hello {SNAPSHOTS[2]}")
    assert "was promoted before as release 1.1.0" in again.stdout


def test_unknown_snapshot_is_refused_by_the_function(desk: Desk) -> None:
    done = desk.type("promote hello 1.0.0-20261123120000-ddddddd")
    assert done.exit_code == 1
    assert "snapshot '1.0.0-20261123120000-ddddddd' of hello not found" in done.stderr


def test_releases_show_where_they_are_desired_or_quarantined(desk: Desk) -> None:
    desk.machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "slow")
    found = {each["version"]: each for each in desk.facts("releases hello")["releases"]}
    assert found["1.0.0"]["desired_in"] == ["production"]
    assert found["1.0.1"]["quarantined_in"] == ["production"]


def test_unknown_service_has_no_versions(desk: Desk) -> None:
    for command in ("snapshots shop", "releases shop", "promote shop"):
        assert desk.type(command).exit_code == 1
    assert "'Shop' is not a service" in desk.type("snapshots Shop").stderr


def test_status_shows_a_refused_push_with_its_answer(desk: Desk) -> None:
    assert desk.facts("status")["refused_pushes"] == []
    now = desk.connection.context.clock.now()
    push = RefusedPush.of(now, "acme/shop", 401, "the secret is another", signed=False)
    desk.connection.catalogue.record_refused_push(push)
    assert "acme/shop (not signed) was answered 401: the secret is another" in desk.type("status").stdout
    (found,) = desk.facts("status")["refused_pushes"]
    assert (found["repository"], found["status"]) == ("acme/shop", 401)


def test_history_names_the_deployment_who_asked_and_why(desk: Desk) -> None:
    desk.type("deploy hello 1.0.1 --no-watch --why", "new prices")
    [name] = [each.id for each in desk.machine.memory.deployments.recent(CLUSTER, 1)]
    output = desk.type("history hello").stdout.splitlines()
    entry = next(number for number, line in enumerate(output) if name in line)
    assert output[entry].split() == ["2026-11-23", *output[entry].split()[1:2], name, "deploy", "1.0.1", "DONE"]
    assert ", by ada: new prices" in output[entry + 1]
    assert ", took " in output[entry + 1]


@pytest.mark.parametrize("command", ["status", "hosts"])
def test_watched_view_is_drawn_again_until_ctrl_c(desk: Desk, command: str) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.at_tick(1, lambda: desk.machine.memory.fleet.quarantine_host(CLUSTER, "host-3", "its disk fails"))
    desk.at_tick(2, interrupt)
    done = desk.type(f"{command} -w")
    assert done.exit_code == 0, done.output
    _, first, *more = done.stdout.split({"status": "CLUSTER ", "hosts": "HOST "}[command])
    assert "its disk fails" not in first
    assert "its disk fails" in more[-1]


def test_watched_view_as_json_is_one_object_on_each_line(desk: Desk) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.at_tick(1, interrupt)
    [line] = desk.type("status -w --json").stdout.splitlines()
    assert json.loads(line)["clusters"][0]["desired"] == "1.0.0"


def test_failed_read_keeps_the_last_picture(desk: Desk) -> None:
    def fail() -> None:
        desk.runs.failing = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")

    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.at_tick(1, fail)
    desk.at_tick(3, interrupt)
    done = desk.type("status -w")
    assert (done.exit_code, done.stdout.count("CLUSTER")) == (0, 1), done.output
