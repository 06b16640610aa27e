"""A repository with twenty services: a push builds those that it changed, and says which ones it left alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.local.git.repositories import REMOTE, adopt_shared, commit_all, git
from apps.local.paths import REPOSITORY
from lifecycle import names
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator, Output

pytestmark = pytest.mark.emulator

COUNT = 20
NAMES = [f"part-{number:02}" for number in range(1, COUNT + 1)]
FILE = 'name = "{name}"\nversion = "0.1"\n{paths}\n[run]\ncommand = "exec python3 -m http.server $PORT"\n'


@dataclass
class Shop:
    """The working copy of the repository, with pushes to it."""

    laptop: Laptop
    operator: Operator
    copy: Path

    def write(self, file: str, text: str) -> None:
        path = self.copy / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def push(self, message: str, answer: str = "started", *options: str) -> str:
        """Commit everything and push; return the name of the run."""
        commit = commit_all(self.copy, message)
        output = self.operator.run(["git", "-C", str(self.copy), "push", *options, REMOTE, "HEAD"])
        run = f"{self.copy.name}-{commit}"
        assert output.code == 0, output
        assert f"lifecycle: 202 {answer}; follow it with `lifecycle watch {run}`" in output.err, output
        return run

    def watched(self, run: str) -> list[dict[str, Any]]:
        return self.operator("watch", "--run", run).events

    def builds(self) -> set[str]:
        """Return every build that ever started."""
        pages = self.laptop.aws.client("codebuild").get_paginator("list_builds_for_project")
        return {each for page in pages.paginate(projectName=names.BUILD_PROJECT) for each in page["ids"]}

    def snapshots(self, service: str) -> list[dict[str, Any]]:
        return list(self.operator.read("snapshots", service).facts["snapshots"])


def of_kind(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


@pytest.fixture(scope="module")
def shop(laptop: Laptop, operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The repository, with its first push delivered; part-02 depends on libs/money."""
    root = tmp_path_factory.mktemp("repositories") / "parts"
    for number, name in enumerate(NAMES, start=1):
        folder = root / "services" / name
        folder.mkdir(parents=True)
        paths = 'paths = ["../../libs/money"]' if number == 2 else ""
        (folder / "lifecycle.toml").write_text(FILE.format(name=name, paths=paths))
        (folder / "index.html").write_text(f"{name} 1\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    made = Shop(laptop, operator, root)
    made.write("libs/money/rates.txt", "1\n")
    commit_all(root, "Begin")
    adopt_shared(laptop.layout, root, {name: f"services/{name}" for name in NAMES})
    return made


@pytest.fixture(scope="module")
def first(shop: Shop) -> Output:
    """The first push, which builds every service."""
    return shop.operator("watch", "--run", shop.push("Begin"))


def test_first_push_builds_every_service_in_a_run_of_its_own(shop: Shop, first: Output) -> None:
    (services,) = of_kind(first.events, "services")
    assert sorted(services["runs"]) == NAMES
    made = {event["service"]: event["version"] for event in of_kind(first.events, "snapshot")}
    assert sorted(made) == NAMES
    assert len(shop.builds()) >= COUNT
    (snapshot,) = shop.snapshots("part-07")
    assert (snapshot["version"], snapshot["folder"]) == (made["part-07"], "services/part-07")


def test_push_that_changes_one_of_twenty_services_starts_one_build(shop: Shop, first: Output) -> None:
    before = shop.builds()
    shop.write("services/part-07/index.html", "part-07 2\n")
    events = shop.watched(shop.push("Change part 7"))
    (snapshot,) = of_kind(events, "snapshot")
    assert snapshot["service"] == "part-07"
    assert len(shop.builds() - before) == 1
    (unchanged,) = of_kind(events, "unchanged")
    assert unchanged["services"] == [name for name in NAMES if name != "part-07"]
    assert [len(shop.snapshots(name)) for name in ("part-06", "part-07")] == [1, 2]


def test_change_of_a_declared_path_builds_the_service_that_declares_it(shop: Shop, first: Output) -> None:
    shop.write("libs/money/rates.txt", "2\n")
    assert [each["service"] for each in of_kind(shop.watched(shop.push("New rates")), "snapshot")] == ["part-02"]


def test_push_that_changes_no_service_makes_no_snapshot_and_says_so(shop: Shop, first: Output) -> None:
    shop.write("README.md", "A shop.\n")
    events = shop.watched(shop.push("Describe it"))
    assert of_kind(events, "snapshot") == []
    assert "no folder or path" in events[-1]["reason"]


def test_skipped_push_starts_no_build_and_the_next_one_builds_its_changes(shop: Shop, first: Output) -> None:
    before = shop.builds()
    shop.write("services/part-03/index.html", "part-03 2\n")
    why = "no build: the message of the head commit has [skip ci]"
    events = shop.watched(shop.push("Change part 3 [skip ci]", why))
    assert (events[-1]["event"], events[-1]["reason"]) == ("nothing", why)
    assert shop.builds() == before
    shop.write("services/part-04/index.html", "part-04 2\n")
    events = shop.watched(shop.push("Change part 4"))
    assert sorted(each["service"] for each in of_kind(events, "snapshot")) == ["part-03", "part-04"]


def test_force_push_back_to_an_older_commit_builds_what_differs(shop: Shop, first: Output) -> None:
    shop.write("services/part-05/index.html", "part-05 2\n")
    shop.watched(shop.push("Change part 5"))
    git(shop.copy, "reset", "--hard", "--quiet", "HEAD~1")
    shop.write("NOTES.md", "Part 5 was wrong.\n")
    events = shop.watched(shop.push("Take part 5 back", "started", "--force"))
    assert [each["service"] for each in of_kind(events, "snapshot")] == ["part-05"]


def test_two_folders_with_one_name_are_refused(shop: Shop, first: Output) -> None:
    shop.write("services/part-21/lifecycle.toml", FILE.format(name="part-20", paths=""))
    end = shop.operator("watch", "--run", shop.push("Copy part 20"), code=1).events[-1]
    assert end["error"] == "BuildFailed"
    assert 'found "part-20" in services/part-20 and services/part-21' in end["cause"]
    git(shop.copy, "rm", "-r", "--quiet", "services/part-21")
    assert of_kind(shop.watched(shop.push("Remove it")), "snapshot") == []


def test_example_of_two_services_is_added_built_and_deployed_service_by_service(
    laptop: Laptop, operator: Operator
) -> None:
    example = str(REPOSITORY / "examples" / "shop")
    added = json.loads(operator("local", "add", example, "--hosts", "1").out)
    assert [each["service"] for each in added] == ["shop-api", "shop-web"]
    copy = Shop(laptop, operator, Path(added[0]["working_copy"]))
    (services,) = of_kind(copy.watched(copy.push("Begin")), "services")
    assert sorted(services["runs"]) == ["shop-api", "shop-web"]
    (first,) = copy.snapshots("shop-api")
    staged = ("deploy", "shop-api", first["version"], "--environment", "staging", "--yes")
    assert operator(*staged).end["state"] == "DONE"
    release = operator("promote", "shop-api", first["version"]).facts["release"]
    assert operator("deploy", "shop-api", release, "--yes").end["state"] == "DONE"
    copy.write("shared/prices.py", (copy.copy / "shared/prices.py").read_text() + "\n# Unchanged prices.\n")
    events = copy.watched(copy.push("Touch the prices"))
    assert [each["service"] for each in of_kind(events, "snapshot")] == ["shop-api"]
    history = operator.read("history", "shop-api").facts["deployments"]
    ended = [(each["cluster"], each["state"]) for each in history]
    assert ended == [("production/shop-api", "DONE"), ("staging/shop-api", "DONE")]
    again = operator("build", "--again", "shop").facts["run"]
    assert [each["service"] for each in of_kind(copy.watched(again), "snapshot")] == ["shop-api"]
    assert [len(copy.snapshots(name)) for name in ("shop-api", "shop-web")] == [3, 1]
