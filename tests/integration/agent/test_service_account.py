"""An agent of root runs the service's commands as another user, who cannot read what is the agent's."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent import service_account
from apps.agent.errors import NoServiceAccount
from apps.agent.processes import pids as every_pid
from apps.agent.processes import process
from apps.agent.service import Service
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.scheduled_run import RunState
from lifecycle.domain.service.manifest import Check, ReleaseCommand, Schedule
from tests.integration.agent.host import Host
from tests.integration.agent.release_runs import lives
from tests.integration.agent.test_leftovers import ROOT
from tests.integration.agent.test_schedules import Clock
from tests.support.polling import until

USER = "nobody"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start processes of another user")


@pytest.fixture
def guarded(request: pytest.FixtureRequest) -> Iterator[Host]:
    """Yield a host whose agent is root and whose service is not; its folder can be reached by everybody."""
    above = Path(tempfile.mkdtemp(prefix="lifecycle-account-"))
    above.chmod(0o755)
    made = Host(above / "home")
    made.settings = replace(made.settings, service_user=USER, port=0)
    if clock := getattr(request, "param", None):
        made.clock = clock()
    made.start()
    yield made
    made.close()
    shutil.rmtree(above)


def publish(host: Host, version: str, command: str, test: str = "true", **more: object) -> None:
    """Publish a version of a worker."""
    manifest = host.publish(version, command, Check(command=test, timeout_seconds=5.0), **more)  # type: ignore[arg-type]
    worker = replace(manifest, run=replace(manifest.run, http=False, port=0), is_alive=Check())
    host.releases.publish(worker, host.releases.published["hello", version][1])


def install(host: Host, command: str, test: str = "true") -> HostReport:
    publish(host, "1.0.0", command, test)
    return host.install("1.0.0")


def printed(host: Host, name: str = "service") -> str:
    return (host.settings.home / "logs" / f"{name}.log").read_text()


def shown(host: Host, script: str) -> list[str]:
    """Return the lines that a service prints which runs a script."""
    report = install(host, f"{script}; echo over; exec sleep 600")
    assert report.stage is AgentStage.DONE, report.detail
    until(lambda: "over\n" in printed(host))
    return printed(host).splitlines()[:-1]


@needs_root
def test_service_runs_as_the_user_in_its_home_with_no_group_of_the_agent(guarded: Host) -> None:
    nobody = pwd.getpwnam(USER)
    groups = " ".join(map(str, os.getgrouplist(USER, nobody.pw_gid)))
    found = shown(guarded, 'id -u; id -G; echo "$HOME"; grep CapEff /proc/self/status')
    assert found == [str(nobody.pw_uid), groups, nobody.pw_dir, "CapEff:\t0000000000000000"]


@needs_root
def test_service_reads_nothing_of_its_agent(guarded: Host) -> None:
    home, agent = guarded.settings.home, os.getpid()
    secrets = [f"/proc/{agent}/environ", f"/proc/{agent}/maps", f"/proc/{agent}/fd"]
    secrets += [str(home / name) for name in ("state.json", "service.json", "artifacts", "logs", "tmp", "")]
    tries = "; ".join(f"ls {each} > /dev/null 2>&1 && cat {each} 2> /dev/null" for each in secrets)
    writes = "; ".join(
        f"touch {home / each}/evil 2> /dev/null && echo wrote {each}" for each in ("", "releases", "tmp")
    )
    assert shown(guarded, f"{tries}; {writes}") == []
    assert {path.name for path in home.iterdir()} >= {"state.json", "service.json", "artifacts", "logs", "tmp"}


@needs_root
def test_service_may_change_its_own_folder_and_open_its_output_again(guarded: Host) -> None:
    found = shown(
        guarded, "echo data > new && cat new version && echo; echo again >> /dev/stdout; stat -c %U . version"
    )
    assert found == ["data", "1.0.0", "again", USER, USER]


@needs_root
def test_stop_ends_the_user_s_processes(guarded: Host) -> None:
    install(guarded, "setsid sleep 600 & exec sleep 600")
    started = Service(guarded.settings.home).started
    assert started
    (main,) = started.every
    helpers = [pid for pid in every_pid() if _parent(pid) == main.pid]
    guarded.stop()
    Service(guarded.settings.home).stop()
    assert not main.lives()
    assert len(helpers) == 1
    assert not lives(helpers[0])


def _parent(pid: int) -> int:
    found = process(pid)
    return found.parent if found else 0


@needs_root
def test_self_test_and_release_command_run_as_the_user(guarded: Host) -> None:
    only_user = f"test $(id -un) = {USER}"
    assert install(guarded, "exec sleep 600", only_user).stage is AgentStage.DONE
    publish(guarded, "1.0.1", "exec sleep 600", release=ReleaseCommand(f"id -un; touch made; {only_user}", 10))
    report = guarded.outcome(guarded.turn(Order.RELEASE, "1.0.1"))
    assert (report.stage, report.log_tail) == (AgentStage.RELEASED, USER)


@needs_root
@pytest.mark.parametrize("guarded", [Clock], indirect=True)
def test_scheduled_command_runs_as_the_user(guarded: Host) -> None:
    deaf = "id -un; trap '' TERM; while :; do sleep 0.1; done"
    publish(guarded, "1.0.0", "exec sleep 600", schedules={"report": Schedule(deaf, "* * * * *", 1.0)})
    assert guarded.install("1.0.0").stage is AgentStage.DONE
    guarded.turn(Order.IDLE, "1.0.0")
    until(lambda: "report" in guarded.runs.records and guarded.runs.records["report"].state is RunState.FAILED)
    assert guarded.runs.records["report"].detail == "it did not end within 1 s"
    assert printed(guarded, "service.report") == f"{USER}\n"


@needs_root
def test_tree_of_another_owner_is_unpacked_again_for_the_user(guarded: Host) -> None:
    guarded.stop()
    guarded.settings = replace(guarded.settings, service_user="")
    guarded.start()
    install(guarded, "exec sleep 600")
    tree = guarded.settings.home / "releases" / "1.0.0"
    assert tree.stat().st_uid == 0
    guarded.stop()
    guarded.settings = replace(guarded.settings, service_user=USER)
    guarded.start()
    guarded.epoch += 1
    assert guarded.install("1.0.0").stage is AgentStage.DONE
    assert tree.stat().st_uid == pwd.getpwnam(USER).pw_uid


@needs_root
def test_variables_of_the_service_change_no_program_of_root(guarded: Host) -> None:
    """The dynamic linker warns in each process that has the variable: here in the shell of the command alone."""
    preloads = {"LD_PRELOAD": "/nowhere.so"}
    publish(guarded, "1.0.0", "exec sleep 600", environment=preloads, release=ReleaseCommand("true", 10))
    assert guarded.outcome(guarded.turn(Order.RELEASE, "1.0.0")).stage is AgentStage.RELEASED
    assert printed(guarded, "release").count("/nowhere.so") == 1


@pytest.mark.parametrize(
    ("name", "agent", "said"),
    [("nobody", 1000, "runs as user 1000"), ("no-such-user", 0, "no such user"), ("root", 0, "it is root itself")],
)
def test_user_that_cannot_be_taken_is_refused(name: str, agent: int, said: str) -> None:
    with pytest.raises(NoServiceAccount, match=said):
        service_account.find(name, agent)


def test_agent_s_environment_is_hidden_from_processes_of_its_own_user() -> None:
    python, user = sys.executable, None
    if os.geteuid() == 0:  # from root nothing is hidden
        python, user = shutil.which("python3", path="/usr/bin") or pytest.skip("needs a Python for everybody"), USER
    # The module is read from standard input, because the user may not be able to read this folder.
    script = (
        "import sys, subprocess; exec(sys.stdin.read());"
        "look = ['sh', '-c', 'cat /proc/$PPID/environ; ls /proc/$PPID/fd'];"
        "print(len(subprocess.run(look, capture_output=True).stdout)); hide();"
        "print(subprocess.run(look, capture_output=True).stdout)"
    )
    module = (ROOT / "apps" / "agent" / "processes.py").read_text().replace("@dataclass(frozen=True, slots=True)", "")
    done = subprocess.run(
        [python, "-c", script],
        input=module,
        env={"SECRET": "x" * 100},
        user=user,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = done.stdout.splitlines()
    assert int(before) > 100
    assert after == "b''"


def test_no_program_gains_rights_after_the_agent_s_start() -> None:
    script = (
        "from apps.agent import processes; import subprocess; processes.forbid_new_privileges();"
        "print(subprocess.check_output(['grep', 'NoNewPrivs', '/proc/self/status'], text=True).split()[1])"
    )
    environment = {**os.environ, "PYTHONPATH": ".:layers/core/python"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert done.stdout == b"1\n"
