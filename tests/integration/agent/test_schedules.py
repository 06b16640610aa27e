"""Scheduled commands on a real host: one run for each due minute, with the service's bytes, ended with the host."""

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apps.agent.ledger_clock import utc_now
from apps.agent.named_processes import NamedProcess
from apps.agent.processes import environment, kernel_boot, process
from apps.agent.processes import pids as every_pid
from apps.agent.schedules import Active
from apps.agent.service import Service
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from lifecycle.domain.service.manifest import Schedule
from lifecycle.gateways.serialization import Source, from_json, to_json
from tests.fakes.agent import MemoryScheduledRuns
from tests.integration.agent.host import Host, group_alive
from tests.integration.agent.release_runs import lives, pids
from tests.support.polling import until

LONG = "echo begun; exec sleep 600"


class Clock:
    """A clock that stands still, so that a test says which minute it is."""

    def __init__(self) -> None:
        self.now = utc_now().replace(second=5, microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def next_minute(self) -> None:
        self.now += timedelta(minutes=1)


@pytest.fixture
def clock(host: Host) -> Clock:
    made = Clock()
    host.clock = made
    return made


def install(host: Host, command: str, cron: str = "* * * * *", version: str = "1.0.0", **more: float) -> None:
    """Install a version with one schedule, and end the deployment."""
    host.publish(version, schedules={"report": Schedule(command, cron, **more)})
    # A turn expires by the real clock, which the tests' clock may have passed.
    later = host.clock() + timedelta(minutes=5)
    assert host.install(version, expires_at=later).stage is AgentStage.DONE
    host.turn(Order.IDLE, version, expires_at=later)


def last(host: Host) -> ScheduledRun:
    found = host.runs.records.get("report")
    assert found is not None
    return found


def ended(host: Host, minute: datetime | None = None) -> ScheduledRun:
    """Wait until the run of a minute, or the only one, has ended."""
    until(
        lambda: (
            "report" in host.runs.records
            and last(host).state is not RunState.RUNNING
            and minute in (None, last(host).minute)
        )
    )
    return last(host)


def begun(host: Host) -> int:
    """Wait until a run has begun to print, and return its pid."""
    log = host.settings.home / "logs" / "service.report.log"
    until(lambda: log.exists() and "begun" in log.read_text())
    (active,) = actives(host)
    assert active.process is not None
    return active.process.pid


def actives(host: Host) -> tuple[Active, ...]:
    text = (host.settings.home / "schedules.json").read_text()
    return from_json(tuple[Active, ...], text, Source("schedules.json", ""))


def output(host: Host) -> str:
    return (host.settings.home / "logs" / "service.report.log").read_text()


def test_due_minute_is_run_once_with_the_versions_bytes(host: Host, clock: Clock) -> None:
    install(host, 'echo "$(cat version) $LIFECYCLE_PROCESS [$PORT] $LIFECYCLE_SCHEDULED_AT"')
    found = ended(host)
    minute = clock.now.replace(second=0)
    assert (found.state, found.minute, found.host, found.version) == (RunState.DONE, minute, "web-1", "1.0.0")
    assert found.succeeded == minute
    assert output(host) == f"1.0.0 report [] {minute.isoformat()}\n"
    clock.now += timedelta(seconds=40)
    polls = host.turns.reads
    until(lambda: host.turns.reads > polls + 20)
    assert output(host).count("\n") == 1
    clock.next_minute()
    assert ended(host, minute + timedelta(minutes=1)).state is RunState.DONE
    assert output(host).count("\n") == 2


def test_other_minutes_are_not_run_and_missed_ones_are_not_made_up(host: Host, clock: Clock) -> None:
    missed = clock.now - timedelta(minutes=1)
    install(host, "echo ran", f"{missed.minute} {missed.hour} * * *")
    polls = host.turns.reads
    until(lambda: host.turns.reads > polls + 20)
    assert host.runs.records == {}


@pytest.mark.parametrize(
    ("command", "why", "tail"),
    [
        ("echo no database; exit 3", "exit code 3", "no database"),
        ("echo killed; kill -9 $$", "SIGKILL", "killed"),
        ("echo waits; sleep 600", "it did not end within 1 s", "waits"),
        ("echo deaf; trap '' TERM; while :; do sleep 0.1; done", "it did not end within 1 s", "deaf"),
        ("echo own; exit 124", "exit code 124", "own"),
        ("echo all; kill -9 0", "SIGKILL", "all"),
        ("no-such-command", "exit code 127", "sh: "),
    ],
)
def test_failure_says_how_it_ended_with_the_end_of_its_output(
    host: Host, clock: Clock, command: str, why: str, tail: str
) -> None:
    install(host, command, timeout_seconds=1.0)
    found = ended(host)
    assert (found.state, found.detail) == (RunState.FAILED, why)
    (problem,) = found.problems
    assert (problem.what, problem.why) == ("failed", why)
    assert problem.log_tail.startswith(tail)
    assert clock.now.replace(second=0) == problem.minute


@pytest.mark.parametrize("helper", ["setsid sh -c", "env -i PATH=$PATH setsid sh -c"])
def test_command_does_not_leave_a_process(host: Host, clock: Clock, ran: Path, helper: str) -> None:
    del clock
    begin = f"{helper} 'echo $$ >> {ran}; exec sleep 600' > /dev/null 2>&1"
    install(host, f"{begin} & until test -s {ran}; do sleep 0.01; done")
    assert ended(host).state is RunState.DONE
    (daemon,) = pids(ran)
    assert not lives(daemon)


def test_what_a_command_began_has_its_time_to_stop(host: Host, clock: Clock) -> None:
    del clock
    worker = "trap 'sleep 0.2; echo saved; exit' TERM; while :; do sleep 0.1; done"
    install(host, f'sh -c "{worker}" & sleep 600', timeout_seconds=1.0)
    assert ended(host).detail == "it did not end within 1 s"
    assert "saved" in output(host)


@pytest.mark.parametrize(
    ("written", "said"), [("3", "exit code 3"), ("124", "it did not end within 3600 s"), ("0", "")]
)
def test_end_that_an_older_agent_wrote_is_read(still_host: Host, written: str, said: str) -> None:
    host, at = still_host, utc_now().replace(second=0, microsecond=0)
    run = ScheduledRun("report", at, "web-1", "1.0.0", RunState.RUNNING, at, at + timedelta(hours=1), at)
    ended_process = NamedProcess("report", 2**22, 1, 0.0)  # above every pid
    host.settings.home.mkdir(parents=True, exist_ok=True)
    (host.settings.home / "schedules.json").write_text(to_json((Active(run, 3600.0, kernel_boot(), ended_process),)))
    (host.settings.home / "schedule.report.exit").write_text(f"{written}\n")
    host.runs.records["report"] = run
    host.once()
    found = last(host)
    assert [each.why for each in found.problems] == ([said] if said else [])
    assert found.state is (RunState.FAILED if said else RunState.DONE)


def test_configuration_is_in_the_commands_environment_alone(host: Host, clock: Clock) -> None:
    secret = "correct-horse-battery"
    host.publish("1.0.0", schedules={"report": Schedule(LONG, "* * * * *")}, environment={"PASSWORD": secret})
    later = clock.now + timedelta(minutes=5)
    assert host.install("1.0.0", expires_at=later).stage is AgentStage.DONE
    host.turn(Order.IDLE, "1.0.0", expires_at=later)
    runner = begun(host)
    (command,) = [pid for pid in every_pid() if (found := process(pid)) and found.parent == runner]
    assert secret.encode() not in Path(f"/proc/{runner}/environ").read_bytes()
    assert secret.encode() not in Path(f"/proc/{runner}/cmdline").read_bytes()
    assert f"PASSWORD={secret}".encode() in environment(command)


def test_one_of_two_hosts_runs_it(host: Host, clock: Clock, tmp_path: Path) -> None:
    other = Host(tmp_path / "other", "web-2")
    other.clock = clock
    other.runs = MemoryScheduledRuns(records=host.runs.records)
    minute = clock.now.replace(second=0)
    other.start()
    for each in (host, other):
        install(each, "echo ran", f"{(minute.minute + 1) % 60} * * * *")
    clock.next_minute()
    try:
        ended(host)
        polls = host.turns.reads, other.turns.reads
        until(lambda: host.turns.reads > polls[0] + 20 and other.turns.reads > polls[1] + 20)
        logs = [each.settings.home / "logs" / "service.report.log" for each in (host, other)]
        assert sorted(log.read_text() for log in logs if log.exists()) == ["ran\n"]
    finally:
        other.close()


def test_run_that_outlasts_its_next_minute_is_not_started_twice(host: Host, clock: Clock) -> None:
    install(host, LONG)
    pid = begun(host)
    first = clock.now.replace(second=0)
    clock.next_minute()
    until(lambda: bool(last(host).problems))
    found = last(host)
    assert (found.minute, found.state, found.decided) == (first, RunState.RUNNING, first + timedelta(minutes=1))
    assert found.problems[0].what == "skipped"
    assert output(host) == "begun\n"
    os.killpg(pid, signal.SIGKILL)
    assert "killed from outside" in ended(host).detail


def test_deployment_ends_a_run_and_says_so(host: Host, clock: Clock) -> None:
    del clock
    install(host, LONG)
    pid = begun(host)
    install(host, "echo quick", "0 0 1 1 *", "1.1.0")
    assert not group_alive(pid)
    found = ended(host)
    assert (found.state, found.detail) == (RunState.FAILED, "ended by deployment d"), found
    assert found.problems[0].log_tail.splitlines()[0] == "begun"  # the shell may say that it was terminated


def test_host_in_its_turn_begins_nothing(host: Host, clock: Clock) -> None:
    host.publish("1.0.0", schedules={"report": Schedule("echo ran", "* * * * *")})
    host.install("1.0.0", expires_at=clock.now + timedelta(minutes=5))
    polls = host.turns.reads
    until(lambda: host.turns.reads > polls + 20)
    assert host.runs.records == {}
    turn = host.turn(Order.IDLE, "1.0.0")
    assert ended(host).state is RunState.DONE
    assert turn.order is Order.IDLE


def test_quarantined_host_begins_nothing(host: Host, clock: Clock) -> None:
    del clock
    host.runs.quarantined = True
    install(host, "echo ran")
    polls = host.turns.reads
    until(lambda: host.turns.reads > polls + 20)
    assert host.runs.records == {}
    host.runs.quarantined = False
    assert ended(host).state is RunState.DONE


def test_service_that_is_not_alive_begins_nothing(host: Host, clock: Clock) -> None:
    install(host, "echo ran", f"{(clock.now.minute + 1) % 60} * * * *")
    os.kill(host.pid(), signal.SIGSTOP)
    clock.next_minute()
    polls = host.turns.reads
    until(lambda: host.turns.reads > polls)
    assert host.runs.records == {}
    os.kill(host.pid(), signal.SIGCONT)
    assert ended(host).state is RunState.DONE


def test_run_goes_on_while_the_agent_restarts(host: Host, clock: Clock) -> None:
    del clock
    install(host, "echo begun; while [ ! -e go ]; do sleep 0.05; done; exit 4")
    pid = begun(host)
    host.stop()
    host.start()
    assert group_alive(pid)
    Path(host.settings.home, "current", "go").touch()
    assert ended(host).detail == "exit code 4"


def test_run_that_ended_while_no_agent_ran_is_recorded_by_the_next_one(host: Host, clock: Clock) -> None:
    del clock
    install(host, "echo begun; while [ ! -e go ]; do sleep 0.05; done")
    pid = begun(host)
    host.stop()
    Path(host.settings.home, "current", "go").touch()
    until(lambda: not group_alive(pid))
    host.start()
    assert ended(host).state is RunState.DONE


def test_claim_without_an_answer_is_never_followed_by_a_start(host: Host, clock: Clock) -> None:
    """The write may have been carried out: the minute is taken, and nobody runs it a second time."""
    claim = host.runs.replace

    def lost(found: ScheduledRun | None, new: ScheduledRun) -> bool:
        claim(found, new)
        host.runs.replace = claim  # type: ignore[method-assign]
        raise OSError("the answer is lost")

    host.runs.replace = lost  # type: ignore[method-assign, assignment]
    install(host, "echo ran")
    assert "did not begin" in ended(host).detail
    assert clock.now.replace(second=0) == last(host).minute
    assert not (host.settings.home / "logs" / "service.report.log").exists()


def test_outage_of_the_ledger_delays_the_end_of_a_run_and_nothing_else(host: Host, clock: Clock) -> None:
    del clock
    install(host, "echo begun; while [ ! -e go ]; do sleep 0.05; done")
    pid = begun(host)
    host.outage.down = True
    Path(host.settings.home, "current", "go").touch()
    until(lambda: not group_alive(pid))
    assert last(host).state is RunState.RUNNING
    host.outage.down = False
    assert ended(host).state is RunState.DONE


def test_run_has_the_mark_of_its_start_so_that_a_stop_ends_it(host: Host, clock: Clock) -> None:
    del clock
    install(host, LONG)
    pid = begun(host)
    marks = {pair for pair in environment(pid) if pair.startswith(b"LIFECYCLE_START=")}
    assert marks == {pair for pair in environment(host.pid()) if pair.startswith(b"LIFECYCLE_START=")}
    host.stop()
    Service(host.settings.home).stop()
    assert not group_alive(pid)
