"""Release commands on a host: they run once, beside the service, and what is not known about them is said."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.agent import agent, service_log
from apps.agent.leftovers import MARK, mark_of
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order, Turn
from tests.fakes.agent import Outage
from tests.integration.agent.host import PYTHON, Host
from tests.integration.agent.release_runs import FAILED_RELEASE, failure, lives, pids, publish
from tests.integration.agent.test_leftovers import HELPER, ROOT
from tests.integration.agent.test_life import interrupted
from tests.support.polling import until
from tests.unit.agent.ports_contract import a_report


def released(host: Host, ran: Path, command: str, seconds: float = 30.0) -> HostReport:
    publish(host, ran, command, seconds)
    return host.outcome(host.turn(Order.RELEASE, "1.0.1"))


def test_command_runs_once_beside_the_service_and_the_install_follows(host: Host, ran: Path) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")

    report = released(host, ran, "cat version; echo; echo $LIFECYCLE_VERSION $LIFECYCLE_ENVIRONMENT >&2")

    assert report.stage is AgentStage.RELEASED
    assert report.log_tail == "1.0.1\n1.0.1 production"
    assert (report.installed, report.boot, report.running) == ("1.0.0", before.boot, True)
    assert host.answer() == "1.0.0"
    assert "1.0.1 production" in (host.settings.home / "logs/service.log").read_text()
    turn = host.turns.turn
    assert turn is not None
    host.turn(Order.INSTALL, "1.0.1", attempt=turn.attempt)
    assert host.reports.wait_for(lambda each: each.stage is AgentStage.DONE).installed == "1.0.1"
    assert len(pids(ran)) == 1


def test_ended_command_is_not_repeated_by_any_later_agent(host: Host, ran: Path) -> None:
    released(host, ran, "true")
    turn = host.turns.turn
    for _ in range(2):
        host.stop()
        host.start()
        assert turn
        reads = host.turns.reads
        until(lambda reads=reads: host.turns.reads > reads + 2)  # type: ignore[misc]
    assert host.reports.written[-1].stage is AgentStage.RELEASED
    host.stop()
    (host.settings.home / "state.json").unlink()
    host.start()
    reads = host.turns.reads
    until(lambda: host.turns.reads > reads + 2)
    assert len(pids(ran)) == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo no such table; exit 3", "the release command failed: exit code 3"),
        ("./missing", "the release command failed: exit code 127; sh did not find the command"),
        ("./plain", "the release command failed: exit code 126; the file cannot be executed"),
        ("kill -9 $$", "the release command failed: SIGKILL"),
    ],
)
def test_failed_command_says_how_it_ended(host: Host, ran: Path, command: str, said: str) -> None:
    report = released(host, ran, f"cp version plain; chmod 644 plain; {command}")
    assert failure(report) == FAILED_RELEASE
    assert report.detail.startswith(said)
    assert not report.release_not_known
    assert len(pids(ran)) == 1


def test_output_of_a_failed_command_is_its_log(host: Host, ran: Path) -> None:
    report = released(host, ran, "head -c 20000000 /dev/urandom; for i in $(seq 30); do echo line $i; done; exit 1")
    assert failure(report) == FAILED_RELEASE
    logs = host.settings.home / "logs"
    assert sum(file.stat().st_size for file in logs.glob("release.log*")) <= service_log.LOG_BYTES
    assert report.log_tail.endswith("line 29\nline 30")
    assert len(report.log_tail) < 20_000


def test_command_over_its_time_is_ended_with_what_it_began(host: Host, ran: Path) -> None:
    report = released(host, ran, f"sh -c 'echo $$ >> {ran}; trap : TERM; sleep 600' & sleep 600", seconds=0.5)
    assert failure(report) == FAILED_RELEASE
    assert report.detail.startswith("the release command failed: it did not end within 0.5 s")
    assert len(pids(ran)) == 2
    assert not [pid for pid in pids(ran) if lives(pid)]


def test_daemon_of_a_command_is_ended_and_the_service_is_not(host: Host, ran: Path) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")
    helper = f"{PYTHON[5:]} helper.py; until test $(wc -l < {ran}) = 2; do sleep 0.01; done"
    publish(host, ran, helper, files={"helper.py": HELPER})
    report = host.outcome(host.turn(Order.RELEASE, "1.0.1"))
    assert (report.stage, report.boot) == (AgentStage.RELEASED, before.boot)
    assert len(pids(ran)) == 2
    assert not [pid for pid in pids(ran) if lives(pid)]
    assert host.answer() == "1.0.0"


def test_daemon_with_nothing_of_its_command_is_ended(host: Host, ran: Path) -> None:
    begin = f"env -i PATH=$PATH setsid sh -c 'echo $$ >> {ran}; exec sleep 600' > /dev/null 2>&1"
    report = released(host, ran, f"{begin} & until test $(wc -l < {ran}) = 2; do sleep 0.01; done")
    assert report.stage is AgentStage.RELEASED
    assert not [pid for pid in pids(ran) if lives(pid)]


@pytest.mark.parametrize("ends", ["sleep 600", "kill $$"])
def test_what_a_command_began_has_its_time_to_stop(host: Host, ran: Path, ends: str) -> None:
    worker = "trap 'sleep 0.2; echo saved; exit' TERM; while :; do sleep 0.1; done"
    report = released(host, ran, f'sh -c "{worker}" & {ends}', seconds=0.5)
    assert failure(report) == FAILED_RELEASE
    assert ("saved" in report.log_tail) == (ends == "sleep 600")


# An agent that adopts what its children leave, as the real one does, in a process of its own.
ADOPTING = """
import os, sys, time
from pathlib import Path
from apps.agent import processes
from apps.agent.release_command import ReleaseRunner
from apps.agent.service import Service
processes.adopt_orphans()
home = Path(sys.argv[1])
service = Service(home)
def look():
    time.sleep(0.5)  # the command ends meanwhile
    service.running()
    return ""
print(ReleaseRunner(home, service).run("sleep 600 & sleep 0.1; exit 3", home, dict(os.environ), 30.0, look).problem)
"""


def test_exit_code_is_known_to_an_agent_that_adopts_and_reaps(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ADOPTING, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ".:layers/core/python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("exit code 3\n", "")


def test_version_without_a_release_command_says_so(host: Host) -> None:
    host.publish("1.0.1")
    report = host.outcome(host.turn(Order.RELEASE, "1.0.1"))
    assert failure(report) == FAILED_RELEASE
    assert "1.0.1 has none" in report.detail


def test_failed_fetch_runs_nothing(host: Host, ran: Path) -> None:
    publish(host, ran, "true")
    report = host.outcome(host.turn(Order.RELEASE, "1.0.1", digest="ab" * 32))
    assert failure(report) == (AgentStage.FAILED, AgentStage.FETCHING)
    assert pids(ran) == []


def running_release(host: Host, ran: Path, **changes: object) -> Turn:
    """Order a release command, and wait until it runs and is reported."""
    publish(host, ran, "echo migrating; sleep 600")
    turn = host.turn(Order.RELEASE, "1.0.1", **changes)
    until(lambda: len(pids(ran)) == 1)
    host.reports.wait_for(lambda report: report.stage is AgentStage.RELEASING)
    return turn


def test_agent_reports_while_the_command_runs(host: Host, ran: Path) -> None:
    host.publish("1.0.0")
    host.install("1.0.0")
    running_release(host, ran)
    os.kill(host.pid(), signal.SIGKILL)
    report = host.reports.wait_for(lambda report: not report.running)
    assert report.stage is AgentStage.RELEASING
    host.turn(Order.IDLE, "1.0.1")
    host.reports.wait_for(lambda report: report.stage is AgentStage.FAILED)


@pytest.mark.parametrize("how", ["idle", "newer", "expired"])
def test_withdrawn_command_is_ended(host: Host, ran: Path, how: str) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    turn = running_release(host, ran, **({"expires_at": soon} if how == "expired" else {}))
    if how == "idle":
        host.turn(Order.IDLE, "1.0.1")
    elif how == "newer":
        host.publish("1.0.2")
        host.turn(Order.PREFETCH, "1.0.2")
    found = host.reports.wait_for(lambda report: report.stage in (AgentStage.FAILED, AgentStage.READY))
    ended = found if how != "newer" else None
    assert not [pid for pid in pids(ran) if lives(pid)]
    if ended:
        assert ended.answers(turn)
        assert failure(ended) == FAILED_RELEASE
        assert ended.detail.startswith("the release command failed: the agent ended it after")
        assert ended.log_tail.startswith("migrating")
    assert len(pids(ran)) == 1


def test_outage_of_the_ledger_does_not_end_the_command(host: Host, ran: Path) -> None:
    publish(host, ran, "sleep 2; echo done")
    host.turn(Order.RELEASE, "1.0.1")
    until(lambda: len(pids(ran)) == 1)
    host.outage.down = True
    until(lambda: not lives(pids(ran)[0]))
    host.outage.down = False
    assert host.reports.wait_for(lambda report: report.stage is AgentStage.RELEASED).log_tail == "done"


def test_stopped_agent_ends_the_command_and_says_that_it_is_not_known(host: Host, ran: Path) -> None:
    running_release(host, ran)
    host.stop()
    report = host.reports.written[-1]
    assert failure(report) == FAILED_RELEASE
    assert report.release_not_known
    assert not lives(pids(ran)[0])
    host.start()
    reads = host.turns.reads
    until(lambda: host.turns.reads > reads + 2)
    assert len(pids(ran)) == 1


def crashed(host: Host, turn: Turn, stage: AgentStage, ran: Path, *, marked: bool) -> subprocess.Popen[bytes]:
    """Leave what an agent leaves that was killed while its release command ran."""
    home = host.settings.home
    host.agent()  # its folders
    interrupted(host, turn, stage)
    (home / "logs" / "release.log").write_text("migrating\n")
    mark = {MARK: f"{mark_of(home)}.release.abc"} if marked else {}
    with (home / "logs" / "release.log").open("a") as log:
        left = subprocess.Popen(
            ["/bin/sh", "-c", f"echo $$ >> {ran}; sleep 600; true"],
            env={**mark, "RAN": str(ran), "PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL if marked else log,
            start_new_session=True,
        )
    until(lambda: len(pids(ran)) == 1)
    return left


@pytest.mark.parametrize("marked", [True, False])
def test_killed_agent_never_runs_the_command_again(still_host: Host, ran: Path, *, marked: bool) -> None:
    host = still_host
    publish(host, ran, "sleep 600")
    turn = host.turn(Order.RELEASE, "1.0.1")
    left = crashed(host, turn, AgentStage.RELEASING, ran, marked=marked)
    host.start()

    report = host.outcome(turn)

    assert failure(report) == FAILED_RELEASE
    assert report.release_not_known
    assert report.log_tail == "migrating"
    assert len(pids(ran)) == 1
    assert not lives(pids(ran)[0])
    assert left.wait() == -signal.SIGTERM  # the shell is ended before its child, so it goes no step further


def test_agent_with_an_older_disk_asks_its_last_report(still_host: Host, ran: Path) -> None:
    host = still_host
    publish(host, ran, "sleep 600")
    turn = host.turn(Order.RELEASE, "1.0.1")
    left = crashed(host, turn, AgentStage.FETCHING, ran, marked=True)
    facts = {"epoch": turn.epoch, "attempt": turn.attempt, "order": turn.order}
    host.reports.write(a_report(stage=AgentStage.RELEASING, **facts))
    host.start()

    report = host.outcome(turn)

    assert report.release_not_known
    assert len(pids(ran)) == 1
    assert left.wait() == -signal.SIGTERM


def test_command_does_not_begin_before_the_ledger_has_its_report(
    still_host: Host, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "REPORT_SECONDS", 0.2)
    publish(still_host, ran, "true")
    still_host.turn(Order.RELEASE, "1.0.1")
    still_host.reports.outage = Outage()
    still_host.reports.latest()
    made = still_host.agent()
    made._journal.state()
    still_host.reports.outage.down = True
    made._reporter.start()
    made.step()
    still_host.reports.outage.down = False
    report = still_host.reports.wait_for(lambda each: each.stage is AgentStage.FAILED)
    made._reporter.close()
    assert failure(report) == FAILED_RELEASE
    assert "it did not begin: the ledger did not take this host's report" in report.detail
    assert pids(ran) == []


def test_unreadable_configuration_runs_nothing(host: Host, ran: Path) -> None:
    publish(host, ran, "true")
    report = host.outcome(host.turn(Order.RELEASE, "1.0.1", config=3))
    assert failure(report) == (AgentStage.FAILED, AgentStage.FETCHING)
    assert "config 3 cannot be read" in report.detail
    assert pids(ran) == []
