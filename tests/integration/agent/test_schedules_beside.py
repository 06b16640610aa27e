"""Scheduled commands beside what else happens on a host: deployments, release commands, outages and boots."""

import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apps.agent.agent import Agent
from apps.agent.errors import ConfigUnreadable, StoreUnreachable
from apps.agent.named_processes import NamedProcess
from apps.agent.schedules import Active
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from lifecycle.domain.service.manifest import ProcessCommand, ReleaseCommand, Schedule
from lifecycle.gateways.serialization import to_json
from tests.integration.agent.host import PYTHON, Host, group_alive
from tests.integration.agent.test_named_processes import started
from tests.integration.agent.test_schedules import LONG, Clock, actives, begun, ended, install, last, output
from tests.support.polling import until


class Secrets:
    """A store whose two revisions have another password each; `refuses`: somebody deleted the secret."""

    refuses = False

    def values(self, revision: int) -> dict[str, str]:
        if self.refuses:
            raise ConfigUnreadable("DATABASE_URL: the secret was deleted")
        return {"PASSWORD": {1: "correct-horse-battery-1", 2: "another-staple-2"}[revision]}


@pytest.fixture
def clock(host: Host) -> Clock:
    made = Clock()
    host.clock = made
    return made


def with_secrets(host: Host) -> Secrets:
    """Start a host whose agent reads configurations, and whose clock stands still."""
    store, host.clock = Secrets(), Clock()
    host.agent = lambda: Agent(  # type: ignore[method-assign]
        host.settings, host.turns, host.reports, host.releases, host._now, runs=host.runs, configurations=store
    )
    host.start()
    return store


def soon(host: Host) -> datetime:
    return host.clock() + timedelta(minutes=5)


def test_process_of_the_new_version_may_have_the_name_of_a_schedule_of_before(host: Host, clock: Clock) -> None:
    install_named(host, "sync", LONG)
    log = host.settings.home / "logs" / "service.sync.log"
    until(lambda: log.exists() and "begun" in log.read_text())
    host.publish("1.1.0", processes={"sync": ProcessCommand("exec sleep 600", 1.0)})
    assert host.install("1.1.0", expires_at=soon(host)).stage is AgentStage.DONE
    until(lambda: not actives(host))
    (sync,) = started(host).processes
    assert sync.lives()
    assert host.reports.written[-1].running
    assert clock.now


def install_named(host: Host, name: str, command: str) -> None:
    host.publish("1.0.0", schedules={name: Schedule(command, "* * * * *")})
    assert host.install("1.0.0", expires_at=soon(host)).stage is AgentStage.DONE
    host.turn(Order.IDLE, "1.0.0", expires_at=soon(host))


def test_process_of_somebody_else_survives_that_has_the_session_of_a_run_before_the_boot(still_host: Host) -> None:
    host = still_host
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        at = host.clock().replace(second=0, microsecond=0)
        run = ScheduledRun("report", at, "web-1", "1.0.0", RunState.RUNNING, at, at + timedelta(hours=1), at)
        active = Active(run, 60.0, "the-boot-before", NamedProcess("report", stranger.pid, 123, 0.0))
        host.settings.home.mkdir(parents=True, exist_ok=True)
        (host.settings.home / "schedules.json").write_text(to_json((active,)))
        host.runs.records["report"] = run
        host.start()
        assert ended(host).detail == "its host booted"
        time.sleep(0.3)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_output_of_a_run_is_masked_with_its_own_configuration(still_host: Host) -> None:
    host = still_host
    with_secrets(host)
    host.publish("1.0.0", schedules={"report": Schedule("echo begun with $PASSWORD; exec sleep 600", "* * * * *")})
    assert host.install("1.0.0", config=1, expires_at=soon(host)).stage is AgentStage.DONE
    host.turn(Order.IDLE, "1.0.0", config=1, expires_at=soon(host))
    begun(host)
    host.stop()  # the agent is updated, say
    turn = host.turn(Order.INSTALL, "1.0.0", config=2, expires_at=soon(host))
    host.start()
    assert host.outcome(turn).stage is AgentStage.DONE
    found = ended(host)
    assert "begun with" in found.problems[0].log_tail
    assert "correct-horse" not in found.problems[0].log_tail


def test_command_that_ignores_its_end_is_killed_without_a_time_to_stop(host: Host, clock: Clock) -> None:
    stubborn = Schedule("trap '' TERM; echo begun; while :; do sleep 0.1; done", "* * * * *", timeout_seconds=1.0)
    host.publish("1.0.0", schedules={"report": stubborn}, stop_seconds=0.0)
    assert host.install("1.0.0", expires_at=soon(host)).stage is AgentStage.DONE
    host.turn(Order.IDLE, "1.0.0", expires_at=soon(host))
    pid = begun(host)
    assert ended(host).state is RunState.FAILED
    assert not group_alive(pid)
    assert clock.now


def test_end_of_a_run_is_recorded_while_a_release_command_runs(host: Host, clock: Clock) -> None:
    install(host, "echo begun; sleep 1; echo over", f"{clock.now.minute} * * * *", timeout_seconds=10)
    begun(host)
    host.publish("1.1.0", release=ReleaseCommand("sleep 6", 300))
    turn = host.turn(Order.RELEASE, "1.1.0", expires_at=clock.now + timedelta(minutes=60))
    host.reports.wait_for(lambda each: each.stage is AgentStage.RELEASING, 10)
    assert ended(host).state is RunState.DONE
    assert "over" in output(host)
    assert host.outcome(turn).stage is AgentStage.RELEASED


def test_schedule_whose_configuration_cannot_be_read_fails_with_the_reason(still_host: Host) -> None:
    host = still_host
    store = with_secrets(host)
    host.publish("1.0.0", schedules={"report": Schedule("echo ran", "* * * * *")})
    assert host.install("1.0.0", config=1, expires_at=soon(host)).stage is AgentStage.DONE
    store.refuses = True
    host.turn(Order.IDLE, "1.0.0", config=1, expires_at=soon(host))
    found = ended(host)
    assert (found.state, "the secret was deleted" in found.detail) == (RunState.FAILED, True)


def test_schedules_go_on_while_the_store_of_the_next_version_cannot_be_reached(host: Host, clock: Clock) -> None:
    install(host, "echo ran", f"{(clock.now.minute + 1) % 60} * * * *")
    host.publish("1.1.0")

    def unreachable(*_: object) -> None:
        raise StoreUnreachable("the artifact bucket", OSError("timed out"))

    host.releases.manifest = unreachable  # type: ignore[assignment, method-assign]
    host.turn(Order.PREFETCH, "1.1.0", attempt=0, epoch=2, expires_at=clock.now + timedelta(minutes=30))
    clock.next_minute()
    assert ended(host).state is RunState.DONE


def test_run_that_a_failed_installation_did_not_end_has_its_own_exit_code(host: Host, clock: Clock) -> None:
    install(host, "echo begun; while [ ! -e go ]; do sleep 0.05; done; exit 3")
    pid = begun(host)
    host.publish("1.1.0")
    turn = host.turn(Order.INSTALL, "1.1.0", digest="0" * 64, expires_at=clock.now + timedelta(minutes=5))
    assert host.outcome(turn).stage is AgentStage.FAILED
    assert group_alive(pid)
    Path(host.settings.home, "current", "go").touch()
    assert ended(host).detail == "exit code 3"
    assert last(host).state is RunState.FAILED


def test_service_and_schedule_get_the_variables_that_the_launching_shells_might_use(host: Host, clock: Clock) -> None:
    shown = 'echo "[$go|$command|$file]"'
    names = {"go": "1.22", "command": "a", "file": "b"}
    schedules = {"report": Schedule(shown, "* * * * *")}
    host.publish("1.0.0", run=f"{shown}; {PYTHON} serve.py", environment=names, schedules=schedules)
    assert host.install("1.0.0", expires_at=soon(host)).stage is AgentStage.DONE
    host.turn(Order.IDLE, "1.0.0", expires_at=soon(host))
    ended(host)
    main = (host.settings.home / "logs" / "service.log").read_text().splitlines()[0]
    assert (main, output(host).strip()) == ("[1.22|a|b]", "[1.22|a|b]")
    assert clock.now
