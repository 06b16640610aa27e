"""A service of several processes on a real host: started, supervised, adopted and stopped together."""

import os
import signal
from pathlib import Path

import pytest

from apps.agent.agent import Agent
from apps.agent.log_shipping import LogShipper
from apps.agent.processes import environment, process
from apps.agent.processes import pids as all_pids
from apps.agent.service import Service, StartRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.manifest import ProcessCommand
from tests.fakes.service_logs import MemoryLogSink, MemoryServiceLogs
from tests.integration.agent.host import PYTHON, Host, group_alive
from tests.support.polling import PATIENCE_SECONDS, until

WORKER = 'echo "working as $LIFECYCLE_PROCESS on [$PORT]"; exec sleep 600'
STUBBORN = "trap '' TERM; echo stubborn; while :; do sleep 0.05; done"

# At SIGTERM it waits until the process of the file `stubborn` has ended.
SLOW = """
import os, signal, sys, time
def finish(*_):
    while os.path.exists("/proc/" + open("stubborn").read().strip()):
        time.sleep(0.01)
    print("finished", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, finish)
time.sleep(600)
"""


def started(host: Host) -> StartRecord:
    found = Service(host.settings.home).started
    assert found is not None
    return found


def pids(host: Host) -> dict[str, int]:
    return {each.name: each.pid for each in started(host).every}


def log(host: Host, name: str) -> str:
    return (host.settings.home / "logs" / f"service.{name}.log").read_text()


def publish(host: Host, version: str = "1.0.0", **commands: str | ProcessCommand) -> None:
    host.publish(
        version,
        processes={
            name: command if isinstance(command, ProcessCommand) else ProcessCommand(command, 1.0)
            for name, command in commands.items()
        },
    )


def test_all_processes_run_the_same_bytes_with_the_same_environment(host: Host) -> None:
    host.publish("1.0.0", environment={"GREETING": "hi"}, processes={"worker": ProcessCommand(WORKER)})
    assert host.install("1.0.0").stage is AgentStage.DONE
    found = pids(host)
    assert set(found) == {"run", "worker"}
    assert log(host, "worker") == "working as worker on []\n"
    of_main, of_worker = (environment(found[name]) for name in ("run", "worker"))
    assert of_main - of_worker == {f"PORT={host.settings.port}".encode(), b"LIFECYCLE_PROCESS=run"}
    assert of_worker - of_main == {b"LIFECYCLE_PROCESS=worker"}
    assert Path(f"/proc/{found['worker']}/cwd").readlink() == Path(f"/proc/{found['run']}/cwd").readlink()


@pytest.mark.parametrize("name", ["run", "worker"])
def test_process_that_dies_ends_the_service_and_is_named(host: Host, name: str) -> None:
    publish(host, worker=WORKER, other=WORKER)
    host.install("1.0.0")
    os.kill(pids(host)[name], signal.SIGKILL)
    report = host.reports.wait_for(lambda report: report.ended is not None)
    assert report.ended is not None
    assert (report.running, report.boot) == (False, "")
    assert (report.ended.how, report.ended.process) == ("SIGKILL", "" if name == "run" else name)
    lines = report.ended.log_tail
    assert lines == ("serving 1.0.0" if name == "run" else "working as worker on []")


def test_the_other_processes_go_on_until_a_turn_stops_them(host: Host) -> None:
    """The load balancer may still send requests to this host: convergence drains it first."""
    publish(host, worker=WORKER)
    host.install("1.0.0")
    os.kill(pids(host)["worker"], signal.SIGKILL)
    host.reports.wait_for(lambda report: report.ended is not None)
    before = pids(host)
    assert host.answer() == "1.0.0"
    assert host.install("1.0.0").stage is AgentStage.DONE
    after = pids(host)
    assert not group_alive(before["run"])
    assert set(before.values()) & set(after.values()) == set()
    assert all(map(group_alive, after.values()))


def test_process_that_ends_within_the_start_fails_it_and_is_named(host: Host) -> None:
    publish(host, "1.0.0", worker="echo no queue; exit 3", other=WORKER)
    report = host.install("1.0.0")
    assert report.failed_stage in (AgentStage.STARTING, AgentStage.SELF_TESTING)
    assert "process worker: exit code 3" in report.detail
    assert report.log_tail == "no queue"
    assert not any(map(group_alive, pids(host).values()))


def test_process_that_ends_soon_after_the_service_is_ready_fails_the_start(host: Host) -> None:
    publish(host, worker="sleep 0.4; exit 4")
    report = host.install("1.0.0")
    assert report.stage is AgentStage.FAILED
    assert "process worker: exit code 4" in report.detail


def test_restarted_agent_adopts_all_processes(host: Host) -> None:
    publish(host, worker=WORKER)
    installed = host.install("1.0.0")
    before = pids(host)
    host.stop()
    host.start()
    report = host.reports.wait_for(lambda report: report.agent_started_at > installed.agent_started_at)
    assert (report.running, report.boot) == (True, installed.boot)
    os.kill(before["worker"], signal.SIGKILL)
    ended = host.reports.wait_for(lambda report: report.ended is not None).ended
    assert ended is not None
    assert ended.process == "worker"


def test_nothing_of_any_process_survives_a_stop(host: Host) -> None:
    """Also no helper in a session of its own, whose environment is gone."""
    publish(host, worker=f"setsid sh -c '{STUBBORN}' & exec sleep 600", other=WORKER)
    host.install("1.0.0")
    until(lambda: "stubborn" in log(host, "worker"))
    host.stop()
    found = pids(host)
    Service(host.settings.home).stop()
    assert not any(map(group_alive, found.values()))
    assert not [each for each in all_pids() if _writes(each, host)]


def _writes(pid: int, host: Host) -> bool:
    found = process(pid)
    try:
        output = Path(f"/proc/{pid}/fd/1").readlink()
    except OSError:
        return False
    return found is not None and not found.dead and output.is_relative_to(host.settings.home)


def test_each_process_has_its_own_time_to_stop(host: Host) -> None:
    """A process that ignores SIGTERM does not get the time of a slow one."""
    stubborn = f"echo $$ > stubborn; {STUBBORN}"
    slow = ProcessCommand(f"{PYTHON} slow.py", PATIENCE_SECONDS)
    host.publish(
        "1.0.0", files={"slow.py": SLOW}, processes={"slow": slow, "stubborn": ProcessCommand(stubborn, 0.2)}
    )
    host.install("1.0.0")
    host.stop()
    Service(host.settings.home).stop()
    assert log(host, "slow") == "finished\n"


def test_version_without_a_process_stops_it_and_forgets_its_log_later(host: Host) -> None:
    publish(host, "1.0.0", worker=WORKER)
    host.install("1.0.0")
    worker = pids(host)["worker"]
    publish(host, "1.1.0")
    host.install("1.1.0")
    assert (set(pids(host)), group_alive(worker)) == ({"run"}, False)
    folder = host.settings.home / "logs"
    assert {each.name for each in folder.iterdir()} >= {"service.worker.log.1"}
    host.turn(Order.INSTALL, "1.1.0")
    host.install("1.1.0")
    assert {each.name for each in folder.iterdir()} == {"service.log", "service.log.1"}


def test_each_process_has_a_stream_of_its_own(host: Host) -> None:
    publish(host, worker=WORKER)
    host.install("1.0.0")
    cluster, logs = Cluster("production", "hello"), MemoryServiceLogs()
    until(lambda: log(host, "worker") != "")
    shipper = LogShipper(host.settings.home, MemoryLogSink(logs, cluster))
    assert shipper.ship()
    assert {(line.process, line.text) for line in logs.lines[cluster]} == {
        ("", "serving 1.0.0"),
        ("worker", "working as worker on []"),
    }
    assert LogShipper(host.settings.home, MemoryLogSink(logs, cluster)).ship()
    assert len(logs.lines[cluster]) == 2


def test_record_of_an_older_agent_is_a_start_of_one_process(still_host: Host) -> None:
    """And an older agent, which knows no processes, ignores them in the record."""
    host = still_host
    host.publish("1.0.0")
    host.turn(Order.INSTALL, "1.0.0")
    host.once()
    record = host.settings.home / "service.json"
    older = record.read_text().replace(', "processes": []', "")
    assert older != record.read_text()
    record.write_text(older)
    assert set(pids(host)) == {"run"}
    agent: Agent = host.agent()
    assert agent._service.running() is not None
