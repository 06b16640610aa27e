"""The agent through restarts, crashes, outages and dead services; it acts on the service only under a turn."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent.agent import Agent
from apps.agent.atomic_file import write_atomically
from apps.agent.decide import MAXIMUM_TRIES, State, TurnRecord
from apps.agent.errors import HomeInUse
from apps.agent.home_lock import HomeLock
from apps.agent.processes import kernel_boot, process
from apps.agent.service import Service, StartRecord
from apps.agent.service_log import LOG_BYTES
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.gateways.serialization import to_json
from tests.integration.agent.host import Host, group_alive
from tests.support.polling import eventually


def interrupted(host: Host, turn: Turn, stage: AgentStage = AgentStage.INSTALLING, tries: int = 1) -> None:
    """Write the state file that a crash during `turn` leaves."""
    acted = TurnRecord(
        epoch=turn.epoch,
        attempt=turn.attempt,
        order=turn.order,
        deployment=turn.deployment,
        version=turn.version,
        digest=turn.digest,
        tries=tries,
        stage=stage,
    )
    write_atomically(host.settings.home / "state.json", to_json(State(acted)))


def test_the_service_goes_on_when_the_agent_ends(host: Host) -> None:
    host.publish("1.0.0")
    host.install("1.0.0")

    host.stop()

    assert host.answer() == "1.0.0"


def test_a_new_agent_adopts_the_service_and_its_report(host: Host) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")
    pid = host.pid()
    host.stop()
    host.start()

    after = host.reports.wait_for(lambda report: report.agent_started_at > before.agent_started_at)

    assert replace(after, seen_at=before.seen_at, agent_started_at=before.agent_started_at) == before
    assert host.pid() == pid


@pytest.mark.parametrize("lost", ["restored", "deleted"])
def test_agent_whose_state_was_restored_or_deleted_does_not_repeat_its_command(host: Host, lost: str) -> None:
    """The command to install still stands and has not expired, and the service serves requests."""
    host.publish("1.0.0")
    host.publish("1.0.1")
    host.install("1.0.0")
    state = host.settings.home / "state.json"
    image = state.read_bytes()
    before = host.install("1.0.1")
    pid = host.pid()
    host.stop()
    state.unlink() if lost == "deleted" else state.write_bytes(image)
    host.start()

    after = host.reports.wait_for(lambda report: report.agent_started_at > before.agent_started_at, 3)

    assert (after.epoch, after.attempt, after.stage) == (before.epoch, before.attempt, AgentStage.DONE)
    assert host.pid() == pid
    assert after.self_test == (before.self_test if lost == "restored" else None)
    host.epoch += 1
    assert host.install("1.0.0").stage is AgentStage.DONE


def test_agent_whose_state_is_from_the_middle_of_its_command_does_not_repeat_it(host: Host) -> None:
    """Its report says that the command has ended; the report is written last."""
    host.publish("1.0.0")
    before = host.install("1.0.0")
    pid, turn = host.pid(), host.turns.turn
    host.stop()
    assert turn is not None
    interrupted(host, turn)
    host.start()

    after = host.reports.wait_for(lambda report: report.agent_started_at > before.agent_started_at, 3)

    assert (after.attempt, after.stage, after.self_test) == (before.attempt, AgentStage.DONE, before.self_test)
    assert host.pid() == pid


def test_agent_that_restarts_after_a_failed_prefetch_keeps_its_self_test(host: Host) -> None:
    """Its report names no order to install, so it is not newer than the state."""
    host.publish("1.0.0")
    before = host.install("1.0.0")
    host.turn(Order.PREFETCH, "1.0.0", digest="0" * 64)
    host.reports.wait_for(lambda report: report.stage is AgentStage.FAILED, 3)
    host.stop()
    host.start()

    after = host.reports.wait_for(lambda report: report.agent_started_at > before.agent_started_at, 3)

    assert (after.stage, after.self_test) == (AgentStage.FAILED, before.self_test)


def test_agent_without_a_ledger_waits_before_it_trusts_its_state(host: Host) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")
    host.stop()
    host.outage.down = True
    host.start()
    assert host.answer() == "1.0.0"
    host.outage.down = False
    assert host.reports.wait_for(lambda report: report.agent_started_at > before.agent_started_at, 8).running


def test_an_adopted_service_is_stopped_under_the_next_turn(host: Host) -> None:
    host.publish("1.0.0")
    host.publish("1.0.1")
    host.install("1.0.0")
    old = host.pid()
    host.stop()
    host.start()

    assert host.install("1.0.1").stage is AgentStage.DONE
    assert not group_alive(old)


def test_a_service_that_dies_is_reported_and_not_restarted(host: Host) -> None:
    host.publish("1.0.0")
    done = host.install("1.0.0")
    os.kill(host.pid(), signal.SIGKILL)

    report = host.reports.wait_for(lambda report: not report.running)

    assert (report.stage, report.installed, report.boot) == (AgentStage.DONE, "1.0.0", "")
    assert report.self_test == done.self_test
    for attempt in eventually():
        with attempt:
            assert process(host.pid()) is None  # reaped, not a zombie


def test_a_reused_pid_is_not_the_service(still_host: Host) -> None:
    home = still_host.settings.home
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        service = Service(home)
        started = StartRecord(stranger.pid, 1, kernel_boot(), "boot", "1.0.0", "d", 1.0)
        write_atomically(home / "service.json", to_json(started))
        service = Service(home)

        assert service.running() is None
        service.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_a_service_from_before_a_reboot_does_not_run(still_host: Host) -> None:
    home = still_host.settings.home
    Service(home)
    me = process(os.getpid())
    assert me
    started = StartRecord(me.pid, me.started, "another-kernel", "boot", "1.0.0", "d", 1.0)
    write_atomically(home / "service.json", to_json(started))

    assert Service(home).running() is None
    Service(home).stop()


@pytest.mark.parametrize("switched", [False, True])
def test_a_crash_between_stop_and_start_resumes(still_host: Host, *, switched: bool) -> None:
    host = still_host
    host.publish("1.0.0")
    host.publish("1.0.1")
    host.turn(Order.INSTALL, "1.0.0")
    assert host.once().stage is AgentStage.DONE
    turn = host.turn(Order.INSTALL, "1.0.1")
    interrupted(host, turn)
    Service(host.settings.home).stop()
    if switched:
        (host.settings.home / "current").unlink()
        (host.settings.home / "current").symlink_to("releases/1.0.1")

    report = host.once()

    assert (report.stage, report.installed, report.running) == (AgentStage.DONE, "1.0.1", True)
    assert host.answer() == "1.0.1"


def test_an_install_that_starts_over_after_a_crash_leaves_one_service(still_host: Host) -> None:
    host = still_host
    host.publish("1.0.0")
    turn = host.turn(Order.INSTALL, "1.0.0")
    first = host.once()
    orphan = host.pid()
    interrupted(host, turn, AgentStage.STARTING)
    host.reports.write(replace(first, stage=AgentStage.STARTING, self_test=None))  # as the crash left it

    again = host.once()

    assert not group_alive(orphan)
    assert again.boot != first.boot
    varying = {"seen_at", "agent_started_at", "boot", "self_test"}
    assert {k: v for k, v in json.loads(to_json(again)).items() if k not in varying} == {
        k: v for k, v in json.loads(to_json(first)).items() if k not in varying
    }


def test_a_new_agent_does_not_repeat_a_finished_turn(still_host: Host) -> None:
    host = still_host
    host.publish("1.0.0")
    host.turn(Order.INSTALL, "1.0.0")
    first = host.once()

    assert host.once().boot == first.boot


def test_an_install_that_crashes_the_agent_each_time_is_reported_as_failed(still_host: Host) -> None:
    host = still_host
    host.publish("1.0.0")
    turn = host.turn(Order.INSTALL, "1.0.0")
    host.agent()
    interrupted(host, turn, tries=MAXIMUM_TRIES)

    report = host.once()

    assert (report.stage, report.failed_stage, report.running) == (AgentStage.FAILED, AgentStage.INSTALLING, False)


def test_an_unreachable_control_plane_does_not_affect_the_service(host: Host) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")
    host.outage.down = True
    reads = host.turns.reads
    time.sleep(0.3)
    assert host.answer() == "1.0.0"
    assert host.turns.reads == reads

    host.outage.down = False
    back = host.reports.wait_for(lambda report: report.seen_at > before.seen_at)

    assert back.boot == before.boot


def test_a_fetch_waits_for_the_store_to_come_back(host: Host) -> None:
    host.publish("1.0.0")
    host.releases.outage = outage = type(host.outage)()
    outage.down = True
    turn = host.turn(Order.PREFETCH, "1.0.0")
    host.reports.wait_for(lambda report: report.answers(turn) and report.stage is AgentStage.FETCHING)
    outage.down = False

    assert host.outcome(turn).stage is AgentStage.READY


def test_an_agent_that_lost_its_state_file_reads_its_state_from_the_ledger(still_host: Host) -> None:
    host = still_host
    host.publish("1.0.0")
    turn = host.turn(Order.INSTALL, "1.0.0")
    done = host.once()
    (host.settings.home / "state.json").unlink()

    report = host.once()

    assert report.answers(turn)
    assert (report.stage, report.boot) == (AgentStage.DONE, done.boot)


def test_a_turn_of_an_older_epoch_is_ignored(host: Host) -> None:
    host.publish("1.0.0")
    host.publish("0.9.0")
    host.epoch = 5
    host.install("1.0.0")
    host.epoch = 4
    stale = host.turn(Order.INSTALL, "0.9.0")
    reads = host.turns.reads

    for attempt in eventually():
        with attempt:
            assert host.turns.reads > reads + 2
    assert not host.reports.written[-1].answers(stale)
    assert host.answer() == "1.0.0"


def test_a_second_agent_cannot_use_the_same_folder(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path)
    with pytest.raises(HomeInUse, match=f"pid {os.getpid()}"):
        HomeLock(tmp_path)
    lock.release()
    HomeLock(tmp_path).release()


def test_the_log_of_the_service_stays_bounded(still_host: Host) -> None:
    service = Service(still_host.settings.home)
    with service.log.open("ab") as log:
        log.write(b"x" * (LOG_BYTES + 1))
        log.flush()
        service.trim_log()
        log.write(b"goes on\n")

    assert service.log.read_bytes() == b"goes on\n"


def test_stop_service_needs_no_running_agent(host: Host) -> None:
    host.publish("1.0.0")
    host.install("1.0.0")
    group = host.pid()
    host.stop()
    command = [sys.executable, "-m", "apps.agent", "stop-service", "--home", str(host.settings.home)]

    root = Path(__file__).parents[3]
    done = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": "layers/core/python"},
        check=False,
        capture_output=True,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert not group_alive(group)


def test_an_agent_that_dies_before_it_recorded_the_service_leaves_no_service(tmp_path: Path) -> None:
    """The launcher waits for a line from the agent; without it, the command does not run."""
    service = Service(tmp_path)
    go_out, go_in = os.pipe()
    pid = service._spawn("touch began; exec sleep 60", tmp_path, {"PATH": os.environ["PATH"]}, go_out)
    os.close(go_out)
    os.close(go_in)

    os.waitpid(pid, 0)

    assert not (tmp_path / "began").exists()


def test_a_full_disk_does_not_end_the_agent_or_the_service(still_host: Host) -> None:
    host = still_host
    host.publish("1.0.0")
    host.turn(Order.INSTALL, "1.0.0")
    before = host.once()
    agent: Agent = host.agent()
    agent._journal._file = host.settings.home / "service.json" / "state.json"  # no folder
    host.publish("1.0.1")
    host.turn(Order.INSTALL, "1.0.1")

    assert agent.step() > 0
    assert host.answer() == "1.0.0"
    assert Service(host.settings.home).started is not None
    assert before.running


def test_host_may_be_in_a_test_bed_from_its_update_until_the_deployment_ends(still_host: Host) -> None:
    still_host.publish("1.0.0")
    still_host.publish("1.1.0")
    agent: Agent = still_host.agent()
    measured = []
    for order, version in (
        (Order.PREFETCH, "1.0.0"),
        (Order.INSTALL, "1.0.0"),
        (Order.IDLE, "1.0.0"),
        (Order.PREFETCH, "1.1.0"),
        (Order.INSTALL, "1.1.0"),
        (Order.IDLE, "1.1.0"),
    ):
        still_host.turn(order, version, bakes=version == "1.1.0" and order is Order.INSTALL)
        agent.step()
        agent.step()
        measured.append(agent.measured.is_set())
    assert measured == [False, False, False, False, True, False]


def test_host_whose_version_is_restarted_may_be_a_control(still_host: Host) -> None:
    still_host.publish("1.0.0")
    agent: Agent = still_host.agent()
    still_host.turn(Order.INSTALL, "1.0.0")
    agent.step()
    assert not agent.measured.is_set()
    still_host.turn(Order.INSTALL, "1.0.0")
    agent.step()
    assert agent.measured.is_set()
