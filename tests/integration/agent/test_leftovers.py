"""Processes that a start left: daemons, helpers in sessions of their own, and those of older agents."""

import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent import processes
from apps.agent.leftovers import MARK, Search, mark_of, own_unit
from apps.agent.processes import cgroup, environment, kernel_boot, process
from apps.agent.service import Service, StartRecord
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.service.manifest import Check
from lifecycle.gateways.serialization import to_json
from tests.integration.agent.host import PYTHON, SERVICE, Host
from tests.support.headless import GO_ON_WITHOUT_MAIN_THREAD
from tests.support.polling import until

ROOT = Path(__file__).parents[3]
DAEMON = f"""
import os
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(os.environ["PIDS"], "a").write(f"{{os.getpid()}}\\n")
{SERVICE}
"""
# A helper with a session of its own; its output is not the service's log.
HELPER = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
for fd in (0, 1, 2): os.dup2(os.open(os.devnull, os.O_RDWR), fd)
if "away" in sys.argv: os.chdir("/")
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
if "headless" in sys.argv: exec(open("headless.py").read())
time.sleep(600)
"""
FILES = {"daemon.py": DAEMON, "helper.py": HELPER, "headless.py": GO_ON_WITHOUT_MAIN_THREAD}


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """Yield the file in which the processes of a test write their pids; end them after it."""
    file = tmp_path / "pids"
    file.touch()
    yield file
    for pid in written(file):
        if f"PIDS={file}".encode() in environment(pid):
            os.kill(pid, signal.SIGKILL)


def written(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


def lives(pid: int) -> bool:
    found = process(pid)
    return found is not None and not found.dead


def helped(pids: Path, how: str = "") -> str:
    """Return the command of a service that starts a helper first, and waits until the helper runs."""
    return f"{PYTHON[5:]} helper.py {how}; until test -s {pids}; do sleep 0.01; done; {PYTHON} serve.py"


def test_version_that_leaves_as_a_daemon_fails_and_its_daemon_is_ended(host: Host, pids: Path) -> None:
    host.publish("1.0.0")
    host.publish("1.0.1", run=f"{PYTHON} daemon.py", files=FILES, environment={"PIDS": str(pids)})
    host.install("1.0.0")

    report = host.install("1.0.1")

    assert (report.stage, report.failed_stage, report.running) == (AgentStage.FAILED, AgentStage.STARTING, False)
    assert "must stay in the foreground" in report.detail
    assert not [pid for pid in written(pids) if lives(pid)]
    host.epoch += 1
    assert host.install("1.0.0").stage is AgentStage.DONE
    assert host.answer() == "1.0.0"


@pytest.mark.parametrize("how", ["away", "stubborn", "headless"])
def test_helpers_of_an_older_version_are_ended_with_it(host: Host, pids: Path, how: str) -> None:
    host.publish("1.0.0", run=helped(pids, how), files=FILES, environment={"PIDS": str(pids)}, stop_seconds=0.3)
    host.publish("1.0.1")
    host.install("1.0.0")
    (helper,) = written(pids)
    assert lives(helper)

    assert host.install("1.0.1").stage is AgentStage.DONE
    assert not lives(helper)


@pytest.mark.parametrize("begin", ["", "env -i PIDS=$PIDS "], ids=["marked", "no environment"])
def test_helper_of_a_dead_service_is_ended_by_a_new_agent(host: Host, pids: Path, begin: str) -> None:
    host.publish("1.0.0", run=begin + helped(pids), files=FILES, environment={"PIDS": str(pids)})
    host.publish("1.0.1")
    host.install("1.0.0")
    (helper,) = written(pids)
    host.stop()
    os.kill(host.pid(), signal.SIGKILL)
    until(lambda: not lives(host.pid()))
    host.start()

    assert host.install("1.0.1").stage is AgentStage.DONE
    assert not lives(helper)


def test_helper_is_ended_though_the_record_of_the_start_is_lost(host: Host, pids: Path) -> None:
    host.publish("1.0.0", run=helped(pids), files=FILES, environment={"PIDS": str(pids)})
    host.install("1.0.0")
    host.stop()
    main, (helper,) = host.pid(), written(pids)
    (host.settings.home / "service.json").unlink()

    Service(host.settings.home).stop()

    assert not lives(main)
    assert not lives(helper)


@pytest.mark.parametrize("begin", [PYTHON[5:], f"env -i PIDS=$PIDS {PYTHON[5:]}"], ids=["marked", "no environment"])
@pytest.mark.parametrize("end", ["", "; exit 3"], ids=["passes", "fails"])
def test_process_that_a_self_test_leaves_is_ended_with_it(host: Host, pids: Path, begin: str, end: str) -> None:
    test = f"{begin} helper.py; until test -s {pids}; do sleep 0.01; done{end}"
    host.publish("1.0.0", files=FILES, environment={"PIDS": str(pids)}, self_test=Check(command=test))

    report = host.install("1.0.0")

    assert (report.stage is AgentStage.DONE) == (not end), report
    (helper,) = written(pids)
    assert not lives(helper)


@pytest.mark.parametrize(
    ("then", "reason"), [("sleep 60", "did not end in time"), ("yes", "printed more than 16777216 bytes")]
)
def test_process_that_a_self_test_leaves_is_ended_though_the_test_is_killed(
    host: Host, pids: Path, then: str, reason: str
) -> None:
    command = f"env -i PIDS=$PIDS {PYTHON[5:]} helper.py; until test -s {pids}; do sleep 0.01; done; {then}"
    test = Check(command=command, timeout_seconds=3.0)
    host.publish("1.0.0", files=FILES, environment={"PIDS": str(pids)}, self_test=test)

    report = host.install("1.0.0")

    assert report.self_test is not None
    assert reason in report.self_test.detail
    (helper,) = written(pids)
    assert not lives(helper)


@pytest.mark.parametrize("ours", [True, False])
def test_port_held_by_a_start_of_an_agent_without_marks_is_freed(host: Host, pids: Path, *, ours: bool) -> None:
    host.publish("1.0.0")
    settings = host.settings
    (settings.home / "serve.py").write_text(SERVICE)
    (settings.home / "version").write_text("old")
    identity = {
        "HOST": settings.address,
        "PORT": str(settings.port),
        "LIFECYCLE_SERVICE": settings.cluster.service,
        "LIFECYCLE_ENVIRONMENT": settings.cluster.environment,
        "LIFECYCLE_HOST": settings.host if ours else "web-2",
    }
    command = [sys.executable, "-I", "-S", "serve.py"]
    with subprocess.Popen(command, cwd=settings.home, env=identity, stdout=subprocess.PIPE) as old:
        assert old.stdout is not None
        old.stdout.readline()

        report = host.install("1.0.0")

        assert (report.stage is AgentStage.DONE) is ours
        assert ("is taken by pid" in report.detail) is not ours
        assert (old.poll() is None) is not ours
        old.kill()


def test_processes_of_another_home_are_left_alone(host: Host, still_host_beside: Host) -> None:
    other = still_host_beside
    for each in (host, other):
        each.publish("1.0.0")
    other.start()
    host.install("1.0.0")
    other.install("1.0.0")

    Service(other.settings.home).stop()

    assert host.answer() == "1.0.0"


@pytest.fixture
def still_host_beside(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "beside")
    yield made
    made.close()


def test_group_of_a_reused_pid_is_left_alone_after_its_leader_has_ended(tmp_path: Path) -> None:
    """The kernel gave the pid of a past service to a stranger, which has ended and left a process in its group."""
    command = ["/bin/sh", "-c", "sleep 600 >/dev/null & echo $!"]
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as leader:
        assert leader.stdout is not None
        stranger = int(leader.stdout.readline())
        leader.wait()
        started = StartRecord(leader.pid, 1, kernel_boot(), "boot", "1.0.0", "d", 0.1)
        (tmp_path / "service.json").write_text(to_json(started))

        Service(tmp_path).stop()

        assert lives(stranger)
        os.kill(stranger, signal.SIGKILL)


def test_service_of_an_earlier_boot_is_never_signalled(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        found = process(stranger.pid)
        assert found
        started = StartRecord(stranger.pid, found.started, "the boot before", "boot", "1.0.0", "d", 0.1)
        (tmp_path / "service.json").write_text(to_json(started))

        service = Service(tmp_path)
        assert service.running() is None
        service.stop()

        assert lives(stranger.pid)
        stranger.kill()


# An agent that adopts what the service leaves, in a process of its own: no test process becomes a parent of others.
ADOPTING = """
import os, sys, time
from pathlib import Path
from apps.agent import processes
from apps.agent.service import Service
processes.adopt_orphans()
home = Path(sys.argv[1])
from lifecycle.domain.service.manifest import Check, Run
from tests.integration.agent.host import manifest_of
service = Service(home)
manifest = manifest_of("1.0.0", b"", Run(sys.argv[2], 8080, stop_seconds=0.3), Check("/"))
service.start(manifest, home, {"PATH": os.environ["PATH"], "PIDS": sys.argv[3]})
while not Path(sys.argv[3]).read_text().endswith("\\n"):
    time.sleep(0.01)
(helper,) = map(int, Path(sys.argv[3]).read_text().split())
print(processes.process(helper).parent == os.getpid(), flush=True)
service.stop()
print(service.running(), processes.process(helper))  # the first reaps what has ended
"""


def test_helper_without_an_environment_is_ended_by_the_agent_that_adopted_it(tmp_path: Path, pids: Path) -> None:
    (tmp_path / "helper.py").write_text(HELPER)
    run = f"env -i PIDS={pids} {sys.executable} helper.py; exec sleep 600"
    done = subprocess.run(
        [sys.executable, "-c", ADOPTING, str(tmp_path), run, str(pids)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ".:layers/core/python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True\nNone None\n", ""), done


def test_mark_of_a_start_names_the_folder_and_the_boot(host: Host) -> None:
    host.publish("1.0.0")
    report = host.install("1.0.0")
    assert f"{MARK}={mark_of(host.settings.home)}.{report.boot}".encode() in environment(host.pid())


def test_helper_without_an_environment_is_found_by_the_unit_of_an_agent_that_restarted(tmp_path: Path) -> None:
    """The agent that adopted it has ended, so its parent is the machine's first process."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True, env={}) as helper:
        unit = cgroup(os.getpid())
        searches = {
            each: Search("mark", [tmp_path / "log"], adopts=False, unit=each)
            for each in (unit, "", "/system.slice/other.service")
        }
        found = {unit: [each.pid for each in search.find(())] for unit, search in searches.items()}
        helper.kill()
    assert unit
    assert [helper.pid in pids for pids in found.values()] == [True, False, False]
    assert os.getpid() not in found[unit]


def test_daemon_without_an_environment_is_found_by_its_output(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with (
        log.open("ab") as output,
        subprocess.Popen(["sleep", "600"], start_new_session=True, env={}, stdout=output) as daemon,
    ):
        found = [each.pid for each in Search("mark", [log], adopts=False).find(())]
        daemon.kill()
    assert found == [daemon.pid]


def test_daemon_without_an_environment_is_found_by_its_folder_or_its_program(tmp_path: Path) -> None:
    """Without systemd, an agent that restarted has nothing else to know it by."""
    releases = tmp_path / "releases"
    (folder := releases / "1.0.0" / "lib").mkdir(parents=True)
    shutil.copy("/bin/sleep", program := folder / "daemon")
    with (
        subprocess.Popen(["sleep", "600"], cwd=folder, env={}, start_new_session=True) as in_folder,
        subprocess.Popen([program, "600"], cwd="/", env={}, start_new_session=True) as of_program,
        subprocess.Popen(["sleep", "600"], cwd=tmp_path, env={}, start_new_session=True) as other,
    ):
        search = Search("mark", [tmp_path / "log"], adopts=False, releases=releases)
        found = {each.pid for each in search.find(())}
        for each in (in_folder, of_program, other):
            each.kill()
    assert found == {in_folder.pid, of_program.pid}


def test_persons_shell_in_the_folder_of_a_release_is_left_alone(tmp_path: Path) -> None:
    (folder := tmp_path / "releases" / "1.0.0").mkdir(parents=True)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe("sleep", ["sleep", "600"], {})  # noqa: S606 - a child of the test
    try:
        until(lambda: Path(f"/proc/{pid}/cwd").readlink() == folder.resolve())
        found = [each.pid for each in Search("mark", [], adopts=False, releases=tmp_path / "releases").find(())]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    assert found == []


def test_helper_is_found_whose_parent_ended_while_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel gives it to the agent a moment later: until then it is no stranger."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True, env={"A": "1"}) as helper:
        ended = subprocess.Popen(["true"])
        ended.wait()
        before = process(helper.pid)
        assert before
        first = iter([replace(before, parent=ended.pid)])
        monkeypatch.setattr(
            processes, "process", lambda pid: (pid == helper.pid and next(first, None)) or process(pid)
        )
        search = Search("mark", [tmp_path / "log"], adopts=True)
        first_found = search.find(())
        found = [each.pid for each in (*first_found, *search.find(()))]
        helper.kill()
    assert helper.pid in found


def test_only_the_unit_of_an_agent_counts_as_its_own() -> None:
    own = ["/system.slice/lifecycle-agent.service", "/system.slice/system-x.slice/lifecycle-agent@hello.service"]
    assert [own_unit(each) for each in own] == own
    others = ["", "/", "/system.slice/ssh.service", "/user.slice/session-1.scope", "/lifecycle-agent.service/x.scope"]
    assert [own_unit(each) for each in others] == [""] * len(others)
