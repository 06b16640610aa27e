"""The choice of a build in a real clone: which services have changed, whatever Git did in between."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.build.choose import BuildNothing, BuildOne, BuildSeveral, choose, source_at
from apps.build.errors import BuildFailed
from lifecycle.domain.delivery.repository import LastBuild, RepositoryBuilds
from lifecycle.servicefile import InvalidServiceFile

from .conftest import git

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILE = 'name = "{name}"\nversion = "1.0"\n{more}\n[run]\ncommand = "./serve"\n'


class Clone:
    """A repository, and the record of what was built of it, as the control plane keeps it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.builds = RepositoryBuilds("https://example.test/shop.git")
        self._runs = 0
        root.mkdir()
        git(root, "init", "--quiet", "--initial-branch=main")

    def service(self, folder: str, name: str = "", more: str = "") -> None:
        self.write(f"{folder}/lifecycle.toml", FILE.format(name=name or folder.rpartition("/")[2], more=more))

    def write(self, file: str, text: str) -> None:
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_text(text)

    def commit(self, message: str = "Change") -> str:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", f"--message={message}")
        return git(self.root, "rev-parse", "HEAD")

    def choose(self, **environ: str) -> BuildOne | BuildSeveral | BuildNothing:
        """Choose for the checked out commit, as its run does; nothing is recorded yet."""
        self._runs += 1
        commit = git(self.root, "rev-parse", "HEAD")
        self.builds = self.builds.begun(commit, self._now)
        return choose(self.root, {"LIFECYCLE_KNOWN": self.builds.known_to(commit, self._now), **environ})

    def built(self) -> list[str]:
        """Choose, build and record; return the services that were built."""
        found = self.choose()
        if isinstance(found, BuildNothing):
            return []
        services = {"": found.folder} if isinstance(found, BuildOne) else dict(found.services)
        names = []
        for folder in services.values():
            one = self.choose(LIFECYCLE_FOLDER=folder)
            assert isinstance(one, BuildOne)
            name = folder.rpartition("/")[2]
            self.builds = self.builds.recorded(name, LastBuild("1.0.0-20261123120000-aaaaaaa", one.source, self._now))
            names.append(name)
        return names

    @property
    def _now(self) -> datetime:
        return NOW + self._runs * timedelta(seconds=10)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Two services, and folders that belong to none."""
    made = Clone(tmp_path / "shop")
    made.service("services/api")
    made.service("services/web")
    made.write("libs/money/rates", "1")
    made.write("README.md", "A shop")
    made.commit()
    return made


def test_first_push_builds_every_service(clone: Clone) -> None:
    assert clone.built() == ["api", "web"]
    assert clone.built() == []


def test_push_builds_the_service_whose_folder_changed(clone: Clone) -> None:
    clone.built()
    clone.write("services/api/data/deep", "2")
    clone.commit()
    found = clone.choose()
    assert isinstance(found, BuildOne)
    assert (found.folder, found.unchanged) == ("services/api", ("web",))


def test_every_change_of_a_file_counts(clone: Clone) -> None:
    clone.write("services/api/run", "1")
    clone.commit()
    clone.built()
    (clone.root / "services/api/run").chmod(0o755)
    clone.commit("Only the mode")
    assert clone.built() == ["api"]
    (clone.root / "services/api/run").unlink()
    clone.commit("Only a removal")
    assert clone.built() == ["api"]


def test_change_outside_of_every_service_builds_nothing_and_says_which(clone: Clone) -> None:
    clone.built()
    clone.write("README.md", "A better shop")
    clone.commit()
    assert clone.choose() == BuildNothing(
        "no build: no folder or path of api, web has changed since its newest snapshot", ("api", "web")
    )


@pytest.mark.parametrize("path", ["../../libs/money", "../../libs", "../../libs/money/rates", "../.."])
def test_declared_path_counts_like_the_folder(clone: Clone, path: str) -> None:
    clone.service("services/api", more=f'paths = ["{path}"]')
    clone.commit()
    clone.built()
    clone.write("libs/money/rates", "2")
    clone.commit()
    assert clone.built() == ["api"]


def test_mode_of_a_declared_file_counts(clone: Clone) -> None:
    clone.service("services/api", more='paths = ["../../libs/money/rates"]')
    clone.commit()
    clone.built()
    (clone.root / "libs/money/rates").chmod(0o755)
    clone.commit()
    assert clone.built() == ["api"]


def test_target_of_a_link_counts(clone: Clone) -> None:
    clone.write("libs/deeper/more", "1")
    (clone.root / "libs/money/deeper").symlink_to("../deeper")
    (clone.root / "services/web/money").symlink_to("../../libs/money")
    clone.commit()
    clone.built()
    clone.write("libs/deeper/more", "2")
    clone.commit()
    assert clone.built() == ["web"]


def test_link_through_another_link_counts(clone: Clone) -> None:
    (clone.root / "vendor").symlink_to("libs")
    (clone.root / "services/web/rates").symlink_to("../../vendor/money/rates")
    clone.commit()
    assert clone.built() == ["api", "web"]
    clone.write("libs/money/rates", "2")
    clone.commit()
    assert clone.built() == ["web"]


@pytest.mark.parametrize("fetched", [True, False])
def test_link_into_a_submodule_counts_its_commit(clone: Clone, *, fetched: bool) -> None:
    module, other = clone.root / "libs/module", "1" * 40
    (clone.root / "services/web/rates").symlink_to("../../libs/module/rates")
    if fetched:
        clone.write("libs/module/rates", "1")
    git(clone.root, "add", "services")
    git(clone.root, "update-index", "--add", "--cacheinfo", f"160000,{other},{module.relative_to(clone.root)}")
    git(clone.root, "commit", "--quiet", "--message=Add the module")
    assert clone.built() == ["api", "web"]
    git(clone.root, "update-index", "--cacheinfo", f"160000,{'2' * 40},{module.relative_to(clone.root)}")
    git(clone.root, "commit", "--quiet", "--message=Update the module")
    assert clone.built() == ["web"]


@pytest.mark.parametrize("target", ["../../.git/HEAD", "../../nothing", "rates", "/etc/hostname", "../../../other"])
def test_link_to_what_git_does_not_track_blocks_no_build(clone: Clone, target: str) -> None:
    (clone.root / "services/web/rates").symlink_to(target)
    clone.commit()
    assert clone.built() == ["api", "web"]
    assert clone.built() == []


@pytest.mark.parametrize("folder", [":x/pay", "*/pay", "[a]/pay", "-x/pay", "größe ☃/pay"])
def test_folder_with_signs_that_git_could_take_for_a_pattern_is_a_folder(clone: Clone, folder: str) -> None:
    clone.built()
    clone.service(folder)
    clone.commit()
    assert clone.built() == ["pay"]


def test_folder_that_is_not_utf8_is_refused_by_name(clone: Clone) -> None:
    clone.service(os.fsdecode(b"services/\xff"), "pay")
    clone.commit()
    with pytest.raises(InvalidServiceFile, match="characters in UTF-8"):
        clone.choose()


def test_merge_revert_and_force_push_are_compared_by_content(clone: Clone) -> None:
    clone.built()
    begin = git(clone.root, "rev-parse", "HEAD")
    git(clone.root, "switch", "--quiet", "--create", "topic")
    clone.write("services/api/a", "1")
    clone.commit()
    git(clone.root, "switch", "--quiet", "main")
    clone.write("README.md", "Another")
    clone.commit()
    git(clone.root, "merge", "--quiet", "--no-edit", "topic")
    assert clone.built() == ["api"], "a merge"
    git(clone.root, "revert", "--mainline=1", "--no-edit", "HEAD")
    assert clone.built() == ["api"], "its revert"
    clone.write("services/web/b", "1")
    clone.commit()
    assert clone.built() == ["web"]
    git(clone.root, "reset", "--quiet", "--hard", begin)
    git(clone.root, "reflog", "expire", "--expire=now", "--all")
    git(clone.root, "gc", "--quiet", "--prune=now")
    clone.commit("Forced")
    assert "web" in clone.built(), "a force-push whose earlier commits are gone"


def test_several_commits_in_one_push_count_all(clone: Clone) -> None:
    clone.built()
    clone.write("services/api/a", "1")
    clone.commit()
    clone.write("README.md", "Later")
    clone.commit()
    assert clone.built() == ["api"]


def test_service_whose_build_failed_is_built_by_the_next_push(clone: Clone) -> None:
    clone.built()
    clone.write("services/api/a", "1")
    clone.commit()
    assert isinstance(clone.choose(), BuildOne)  # its run records nothing
    clone.write("README.md", "Later")
    clone.commit()
    assert clone.built() == ["api"]


def test_renamed_folder_and_renamed_service_are_built(clone: Clone) -> None:
    clone.built()
    git(clone.root, "mv", "services/api", "services/interface")
    clone.commit()
    found = clone.choose()
    assert isinstance(found, BuildOne)
    assert found.folder == "services/interface"
    clone.service("services/web", "site")
    clone.commit()
    assert isinstance(clone.choose(), BuildSeveral)


def test_removed_lifecycle_toml_builds_nothing_of_its_folder(clone: Clone) -> None:
    clone.built()
    (clone.root / "services/web/lifecycle.toml").unlink()
    clone.commit()
    assert clone.built() == []


def test_service_in_the_top_folder_is_the_only_one_and_always_built(clone: Clone) -> None:
    clone.write("lifecycle.toml", FILE.format(name="shop", more=""))
    clone.commit()
    assert clone.choose() == BuildOne(".")
    assert clone.choose() == BuildOne(".")


def test_path_of_the_only_service_is_checked_too(clone: Clone) -> None:
    clone.write("lifecycle.toml", FILE.format(name="shop", more='paths = ["../other"]'))
    clone.commit()
    with pytest.raises(InvalidServiceFile, match=r"^lifecycle\.toml:3: paths\[0\]: expected a path inside"):
        clone.choose()


def test_lifecycle_toml_in_the_folder_of_a_service_is_a_file_of_that_service(clone: Clone) -> None:
    clone.write("services/api/tests/sample/lifecycle.toml", "invalid")
    clone.commit()
    assert clone.built() == ["api", "web"]


@pytest.mark.parametrize("message", ["Fix [skip ci]", "[CI skip] Fix"])
def test_head_commit_that_asks_for_no_build_gets_none(clone: Clone, message: str) -> None:
    clone.commit(message)
    found = clone.choose(LIFECYCLE_SKIP_CI="1")
    assert isinstance(found, BuildNothing)
    assert found.reason.startswith("no build: the message of the head commit has [")
    assert isinstance(clone.choose(), BuildSeveral), "a person repeats it"
    clone.commit("Later")
    assert isinstance(clone.choose(LIFECYCLE_SKIP_CI="1"), BuildSeveral)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../../../other", 'a path inside the repository, found "../../../other", which is ../other of it; copy'),
        ("../../.git", "a path inside the repository"),
        ("../../libs/none", 'a folder or file of the repository, found nothing at "../../libs/none"'),
        ("../link", 'a path without links, found "../link", which leads to libs/money of the repository; name that'),
        ("../away", 'a path without links, found "../away", which leads to something outside; copy it'),
    ],
)
def test_path_that_cannot_be_compared_is_refused_with_its_line(clone: Clone, path: str, says: str) -> None:
    (clone.root.parent / "other").mkdir()
    (clone.root / "services/link").symlink_to("../libs/money")
    (clone.root / "services/away").symlink_to("../../other")
    clone.service("services/api", more=f'paths = ["{path}"]')
    clone.commit()
    with pytest.raises(InvalidServiceFile) as refused:
        clone.choose()
    assert str(refused.value).startswith(f"services/api/lifecycle.toml:3: paths[0]: expected {says}")


def test_path_that_git_does_not_track_is_refused(clone: Clone) -> None:
    clone.service("services/api", more='paths = ["../../made"]')
    clone.commit()
    (clone.root / "made").mkdir()
    with pytest.raises(BuildFailed, match="paths: expected files that Git tracks in each of services/api, made"):
        clone.choose()


def test_problems_of_all_services_are_listed_at_once(clone: Clone) -> None:
    clone.write("services/api/lifecycle.toml", 'name = "api"\n')
    clone.service("services/shop", "web")
    clone.commit()
    with pytest.raises(InvalidServiceFile) as refused:
        clone.choose()
    text = str(refused.value)
    assert "services/api/lifecycle.toml:1: version: expected" in text
    assert 'services/web/lifecycle.toml: name: expected one folder for each service, found "web" in' in text


def test_repository_without_a_service_and_with_too_many_is_refused(tmp_path: Path) -> None:
    empty = Clone(tmp_path / "empty")
    empty.write("README.md", "Nothing")
    empty.commit()
    with pytest.raises(BuildFailed, match=r"expected a file lifecycle\.toml in the top folder or in a folder"):
        empty.choose()
    for number in range(51):
        empty.service(f"s-{number}")
    empty.commit()
    with pytest.raises(InvalidServiceFile, match="expected at most 50 services in a repository, found 51"):
        empty.choose()


@pytest.mark.parametrize("folder", ["../shop", "/tmp", "services/none", "services"])
def test_folder_of_a_run_that_has_no_service_is_refused(clone: Clone, folder: str) -> None:
    with pytest.raises((BuildFailed, InvalidServiceFile)):
        clone.choose(LIFECYCLE_FOLDER=folder)


def test_sources_have_no_name_at_a_commit_that_is_none(clone: Clone) -> None:
    named: Callable[[str], str] = lambda commit: source_at(clone.root, ["services/api"], commit)  # noqa: E731
    assert named("HEAD") == named(git(clone.root, "rev-parse", "HEAD"))
    assert [named(each) for each in ("0" * 40, "0" * 12, "--help", "main", "")] == [""] * 5
