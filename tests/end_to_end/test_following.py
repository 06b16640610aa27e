"""An automatic staging follows the branch: also when a push halts there, and the branch is forced back."""

import shutil
from pathlib import Path

import pytest

from apps.local.git.repositories import BRANCH, REMOTE, git
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator

SERVICE = Path(__file__).parent / "brittle"
STAGING = "\n[environments.staging]\nautomatic = true\nalive_seconds = 15\nmin_alive_seconds = 0\n"


def staging_serves(service: Service, version: str) -> bool:
    status = service.status("staging")
    return bool(status["running"] == {version: 1} and status["healthy"] == 1 and status["lease"] is None)


def test_branch_that_is_forced_back_deploys_the_good_snapshot_past_the_halted_one(
    operator: Operator, laptop: Laptop, tmp_path: Path
) -> None:
    folder = tmp_path / "followed"
    shutil.copytree(SERVICE, folder)
    file = folder / "lifecycle.toml"
    file.write_text(file.read_text().replace('name = "brittle"', 'name = "followed"') + STAGING)
    service = add_service(operator, laptop, folder, 1)
    good = service.push("Good")
    events = operator("watch", "--run", good).events
    version = next(event["version"] for event in events if event["event"] == "snapshot")
    assert events[-1]["state"] == "DONE"
    commit = git(service.copy, "rev-parse", "HEAD").strip()

    service.change("lifecycle.toml", r'MOOD = "[^"]*"', 'MOOD = "dies in its self-test"')
    bad = service.push("Bad")
    assert operator("watch", "--run", bad, code=1).events[-1]["state"] == "HALTED"

    before = service.snapshots()
    pushed = operator.run(["git", "-C", str(service.copy), "push", "--force", REMOTE, f"{commit}:{BRANCH}"])
    assert f"follow it with `lifecycle watch {good}_2`" in pushed.err, pushed
    assert "whose snapshot is deployed again" in pushed.err
    wait_for("staging to serve the good snapshot", lambda: staging_serves(service, version))
    assert service.snapshots() == before
    trail = operator.read("history", "followed", "--trail").facts["trail"]
    (answered,) = [each for each in trail if each["what"] == "answered ABORT"]
    assert (answered["who"], "takes its place" in answered["why"]) == ("delivery", True)

    again = operator("build", "--head", "followed").facts
    assert (again["commit"], again["run"]) == (commit, f"{good}_3")
    assert operator("watch", "--run", again["run"]).events[0]["event"] in ("build", "snapshot")
