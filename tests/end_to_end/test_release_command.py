"""Release commands: one run before the first drain; a failed or an unknown one asks a human, with nothing touched."""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.agent.processes import process
from apps.local.processes import recorded
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service, update_steps
from tests.support.polling import wait_for
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator

SERVICE = Path(__file__).parent / "brittle"
# It does what the file `mode` says, and adds a line to the file `ran`.
SCRIPT = """
echo "$LIFECYCLE_HOST $LIFECYCLE_VERSION $$" >> {folder}/ran
echo "migrating to $LIFECYCLE_VERSION"
case "$(cat {folder}/mode)" in
  fails) echo "no such table: accounts"; exit 3 ;;
  hangs) sleep 600 ;;
esac
echo "migrated to $LIFECYCLE_VERSION"
"""


@dataclass(frozen=True)
class Migrating:
    """A service with two hosts in production; only its release `migrates` has a release command."""

    service: Service
    folder: Path
    plain: str
    migrates: str

    def expects(self, mode: str) -> None:
        """Serve the plain version, and let the next release commands end so."""
        self.service.ensure_version(self.plain)
        (self.folder / "mode").write_text(mode)
        (self.folder / "ran").write_text("")

    def runs(self) -> list[tuple[str, str, int]]:
        """Return the runs in production: host, version and pid."""
        lines = [line.split() for line in (self.folder / "ran").read_text().splitlines()]
        return [(host, version, int(pid)) for host, version, pid in lines if host.startswith("production-")]

    def pids(self) -> dict[str, int]:
        return {host.name: self.service.pid(host.name) for host in self.service.production.hosts}


@pytest.fixture(scope="module")
def migrating(operator: Operator, laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Migrating:
    folder = tmp_path_factory.mktemp("migrating")
    (folder / "mode").write_text("passes")
    copy = folder / "migrating"
    shutil.copytree(SERVICE, copy)
    file = copy / "lifecycle.toml"
    file.write_text(file.read_text().replace('name = "brittle"', 'name = "migrating"'))
    service = add_service(operator, laptop, copy, 2)
    plain = service.promoted(service.built(service.push("Without a release command")))
    (service.copy / "migrate.sh").write_text(SCRIPT.format(folder=folder))
    service.change("lifecycle.toml", r"^\[checks\]", '[release]\ncommand = "sh migrate.sh"\n\n[checks]')
    migrates = service.promoted(service.built(service.push("Migrate")))
    service.deploy(plain)
    return Migrating(service, folder, plain, migrates)


def halted(found: Migrating, deployment: str) -> dict[str, Any]:
    """Return the question of a deployment that halted before it touched a host."""
    question = dict(found.service.wait_until("HALTED"))
    assert "drain" not in [step for _, step in found.service.steps(deployment)]
    assert set(found.service.installed().values()) == {found.plain}
    return question


def test_command_runs_once_before_the_first_drain_and_its_output_is_readable(migrating: Migrating) -> None:
    migrating.expects("passes")
    service, version = migrating.service, migrating.migrates
    planned = service.operator.read("plan", service.name, version).facts
    first, second = (host["host"] for host in planned["hosts"])
    assert planned["release_command"] == {"command": "sh migrate.sh", "timeout_seconds": 300, "host": first}

    with Traffic(service.url, 50.0) as traffic:
        output = service.deploy(version)

    assert output.end["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert [run[:2] for run in migrating.runs()] == [(first, version)]
    steps = service.steps(output.facts["deployment"])
    assert steps == [(first, "release"), (first, "release"), *update_steps(first, second)]
    run = service.newest_deployment()["release_command"]
    assert (run["outcome"], run["host"], run["runs"]) == ("PASSED", first, 1)

    def logged() -> list[dict[str, Any]]:
        return service.operator.read("logs", service.name, "--since", "1d", "--grep", f"migrated to {version}").events

    assert {line["host"] for line in wait_for("the output in the log", logged)} == {first}


def test_failed_command_halts_with_its_log_and_is_run_again_by_a_human(migrating: Migrating) -> None:
    migrating.expects("fails")
    service, before = migrating.service, migrating.pids()
    with Traffic(service.url, 50.0) as traffic:
        output = service.deploy(migrating.migrates, code=1)
        deployment = output.facts["deployment"]
        question = halted(migrating, deployment)
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert traffic.tally.versions.keys() == {migrating.plain}
    assert migrating.pids() == before
    assert question["reason"] == "the release command failed: exit code 3"
    assert "no such table: accounts" in question["evidence"]
    assert [each["choice"] for each in question["choices"]] == ["RETRY", "ABORT"]
    assert len(migrating.runs()) == 1

    (migrating.folder / "mode").write_text("passes")
    done = service.operator("decide", deployment, "RETRY", "--why", "the table is there", "--watch")
    assert done.end["state"] == "DONE", done
    assert len(migrating.runs()) == 2
    assert set(service.installed().values()) == {migrating.migrates}
    assert service.newest_deployment()["release_command"]["runs"] == 2


def test_abort_after_a_failed_command_leaves_everything_as_it_was(migrating: Migrating) -> None:
    migrating.expects("fails")
    service, before = migrating.service, migrating.pids()
    deployment = service.deploy(migrating.migrates, code=1).facts["deployment"]
    halted(migrating, deployment)
    service.operator("decide", deployment, "ABORT", "--yes", "--why", "not today")
    wait_for("the lease to be free", lambda: service.status()["lease"] is None)
    assert service.status()["desired"] == migrating.plain
    assert [host["drift"] for host in service.host_views().values()] == [None, None]
    assert migrating.pids() == before
    assert service.newest_deployment()["release_command"]["outcome"] == "FAILED"


def test_killed_agent_leaves_it_unknown_and_a_human_is_asked(laptop: Laptop, migrating: Migrating) -> None:
    migrating.expects("hangs")
    service, before = migrating.service, migrating.pids()
    with Traffic(service.url, 50.0) as traffic:
        deployment = str(service.deploy(migrating.migrates, "--no-watch").facts["deployment"])
        [(host, _, pid)] = wait_for("the command to run", migrating.runs)
        agent = recorded(laptop.layout)[service.host(host).part]
        os.kill(agent.pid, signal.SIGKILL)
        wait_for("the agent to be dead", lambda: not agent.alive)
        service.operator("local", "up")
        ended = service.operator("watch", deployment, code=1).events[-1]
        assert ended["state"] == "HALTED"
        question = halted(migrating, deployment)
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert question["reason"].startswith("it is not known whether the release command ran")
    assert "migrating to" in question["evidence"]
    assert [each["choice"] for each in question["choices"]] == ["RETRY", "GO_ON", "ABORT"]
    assert len(migrating.runs()) == 1
    left = process(pid)
    assert left is None or left.dead
    assert migrating.pids() == before

    done = service.operator("decide", deployment, "GO_ON", "--why", "the tables are there", "--watch")
    assert done.end["state"] == "DONE", done
    assert len(migrating.runs()) == 1
    assert set(service.installed().values()) == {migrating.migrates}
    run = service.newest_deployment()["release_command"]
    assert (run["outcome"], run["counted_as_run"]) == ("NOT_KNOWN", True)
