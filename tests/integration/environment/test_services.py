"""`local add` up to its first call of AWS: the service's folder, its repositories, its listener."""

import json
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from apps.local.aws import root_key
from apps.local.errors import LaptopError
from apps.local.git.repositories import adopt, adopt_shared, commit_all, git
from apps.local.git.shared import shared_folder
from apps.local.own_files import read_json
from apps.local.paths import REPOSITORY, Layout
from apps.local.ports import LOOPBACK, Ports
from apps.local.progress import Progress
from apps.local.services import hosts
from apps.local.services.clusters import add
from lifecycle.servicefile import InvalidServiceFile

QUIET = Progress(quiet=True)
SERVICE = 'name = "web"\nversion = "1.0"\n[run]\ncommand = "exec python3 -m http.server $PORT"\n'


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "home")


@pytest.fixture
def facts(tmp_path: Path) -> dict[str, Any]:
    """Return environment.json's content for a missing assembly, so that `add` fails at the deployment."""
    (tmp_path / "assembly").mkdir()
    (tmp_path / "assembly" / "manifest.json").write_text(json.dumps({"artifacts": {}}))
    root = root_key.record(root_key.new())
    return {"ports": asdict(Ports.free()), "assembly": str(tmp_path / "assembly"), "credentials": root}


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "lifecycle.toml").write_text(SERVICE)
    return path


def repository(path: Path) -> Path:
    git(folder(path), "init", "--quiet", "--initial-branch=trunk")
    return path


def test_second_folder_with_the_same_service_is_refused(layout: Layout, tmp_path: Path) -> None:
    first, second = folder(tmp_path / "first"), repository(tmp_path / "second")
    commit_all(second, "mine")
    copy = adopt(layout, "web", first)
    before = git(copy, "remote", "get-url", "lifecycle")
    with pytest.raises(LaptopError, match=f"known from {first}.*another name in its lifecycle.toml"):
        adopt(layout, "web", second)
    assert git(copy, "remote", "get-url", "lifecycle") == before
    assert git(second, "remote") == ""


def test_working_copy_counts_as_the_folder_of_its_service(layout: Layout, tmp_path: Path) -> None:
    first = folder(tmp_path / "first")
    copy = adopt(layout, "web", first)
    assert adopt(layout, "web", copy) == adopt(layout, "web", first) == copy
    assert read_json(layout.services, None) == {"web": {"path": str(first), "copy": str(copy)}}


def test_name_is_free_again_after_its_repositories_are_gone(layout: Layout, tmp_path: Path) -> None:
    adopt(layout, "web", folder(tmp_path / "first"))
    layout.repositories.rename(tmp_path / "old repositories")
    layout.work.rename(tmp_path / "old work")
    second = folder(tmp_path / "second")
    adopt(layout, "web", second)
    assert read_json(layout.services, {})["web"]["path"] == str(second)


def test_add_refuses_a_file_instead_of_a_folder(layout: Layout, tmp_path: Path, facts: dict[str, Any]) -> None:
    file = folder(tmp_path / "web") / "lifecycle.toml"
    with pytest.raises(LaptopError, match=f"expected a folder.*local add {file.parent}"):
        add(layout, facts, file, QUIET)


def test_symlinks_are_copied_as_they_are(layout: Layout, tmp_path: Path) -> None:
    source = folder(tmp_path / "source")
    (source / "dangling").symlink_to("nowhere")
    (source / "other").symlink_to("lifecycle.toml")
    copy = adopt(layout, "web", source)
    assert [str((copy / name).readlink()) for name in ("dangling", "other")] == ["nowhere", "lifecycle.toml"]
    assert git(copy, "status", "--porcelain") == ""


def test_interrupted_copy_is_made_again(layout: Layout, tmp_path: Path) -> None:
    source = folder(tmp_path / "source")
    (source / "link").symlink_to("lifecycle.toml")
    (layout.work / ".unfinished").mkdir(parents=True)
    (layout.work / ".unfinished" / "link").symlink_to("elsewhere")
    copy = adopt(layout, "web", source)
    assert str((copy / "link").readlink()) == "lifecycle.toml"
    assert [each.name for each in layout.work.iterdir()] == ["web"]


def test_existing_folder_at_the_copys_path_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    (layout.work / "web").mkdir(parents=True)
    (layout.work / "web" / "precious").touch()
    with pytest.raises(LaptopError, match=r"without \.git; move it away"):
        adopt(layout, "web", folder(tmp_path / "source"))
    assert [each.name for each in (layout.work / "web").iterdir()] == ["precious"]


def test_an_environment_inside_the_folder_is_not_copied_into_itself(tmp_path: Path) -> None:
    source = folder(tmp_path / "source")
    (source / "hosts").mkdir()
    (source / "hosts" / "home").touch()
    copy = adopt(Layout(source / "home"), "web", source)
    assert not (copy / "home").exists()
    assert (copy / "hosts" / "home").exists()


def test_a_detached_head_is_refused_with_what_to_do(layout: Layout, tmp_path: Path) -> None:
    own = repository(tmp_path / "own")
    git(own, "checkout", "--quiet", "--detach", commit_all(own, "mine"))
    with pytest.raises(LaptopError, match=f"found a detached HEAD.*git -C {own} switch"):
        adopt(layout, "web", own)
    assert git(own, "remote") == ""
    assert not layout.repositories.exists()


def test_a_repository_without_commits_is_refused_with_what_to_do(layout: Layout, tmp_path: Path) -> None:
    own = repository(tmp_path / "own")
    with pytest.raises(LaptopError, match=f"expected a commit on trunk in {own}.*git -C {own} commit"):
        adopt(layout, "web", own)
    assert git(own, "remote") == ""


def test_interrupted_add_finds_its_own_listener_again(layout: Layout, tmp_path: Path, facts: dict[str, Any]) -> None:
    source, listener = folder(tmp_path / "web"), facts["ports"]["staging"]
    with pytest.raises(LaptopError, match="expected a template"):
        add(layout, facts, source, QUIET)
    known = hosts.clusters(layout)["staging/web"]
    assert (known.listener, known.hosts) == (listener, ())
    # This is the dispatcher, which serves the listener of the first `add`.
    with socket.create_server((LOOPBACK, listener)), pytest.raises(LaptopError, match="expected a template"):
        add(layout, facts, source, QUIET)


def test_moved_folder_is_recorded_at_its_new_path(layout: Layout, tmp_path: Path) -> None:
    source = folder(tmp_path / "source")
    copy = adopt(layout, "web", source)
    moved = source.rename(tmp_path / "moved")
    assert adopt(layout, "web", moved) == copy
    assert read_json(layout.services, {})["web"]["path"] == str(moved)


def several(root: Path, *names: str) -> Path:
    """Make a folder with a service in each of these sub-folders."""
    for name in names:
        (root / "services" / name).mkdir(parents=True)
        file = SERVICE.replace('"web"', f'"{name}"')
        (root / "services" / name / "lifecycle.toml").write_text(file)
    return root


def several_in_git(root: Path, *names: str) -> Path:
    git(several(root, *names), "init", "--quiet", "--initial-branch=trunk")
    commit_all(root, "mine")
    return root


def adopted(layout: Layout, path: Path) -> Path:
    found = shared_folder(layout, path)
    assert found
    return adopt_shared(layout, found.root, {each.name: each.folder for each in found.services})


def test_services_of_a_repository_share_one_bare_repository(layout: Layout, tmp_path: Path) -> None:
    shop = several_in_git(tmp_path / "shop", "api", "web")
    assert adopted(layout, shop) == shop
    assert [each.name for each in layout.repositories.iterdir()] == ["shop.git"]
    record = {"copy": str(shop), "repository": "shop"}
    services = {name: {"path": str(shop / "services" / name), **record} for name in ("api", "web")}
    assert read_json(layout.services, None) == services
    assert git(shop, "remote", "get-url", "lifecycle").strip() == str(layout.repositories / "shop.git")


def test_folder_of_a_repository_is_its_service_alone(layout: Layout, tmp_path: Path) -> None:
    shop = several_in_git(tmp_path / "shop", "api", "web")
    assert adopted(layout, shop / "services" / "api") == shop
    assert list(read_json(layout.services, {})) == ["api"]
    assert adopted(layout, shop / "services" / "web") == shop
    assert [each.name for each in layout.repositories.iterdir()] == ["shop.git"]


def test_folder_without_git_with_several_services_is_copied_whole(layout: Layout, tmp_path: Path) -> None:
    shop = several(tmp_path / "shop", "api", "web")
    copy = adopted(layout, shop)
    assert copy == layout.work / "shop"
    assert (copy / "services" / "api" / "lifecycle.toml").exists()
    assert adopted(layout, shop) == adopted(layout, copy) == copy
    assert read_json(layout.services, {})["api"]["path"] == str(shop / "services" / "api")


def test_repository_of_the_name_of_a_service_gets_another_name(layout: Layout, tmp_path: Path) -> None:
    adopt(layout, "web", folder(tmp_path / "single"))
    adopted(layout, several_in_git(tmp_path / "web", "api", "docs"))
    assert sorted(each.name for each in layout.repositories.iterdir()) == ["web-2.git", "web.git"]
    adopted(layout, several_in_git(tmp_path / "other" / "web", "shop"))
    assert (layout.repositories / "web-3.git").exists()


def test_service_of_the_name_of_a_repository_gets_another_repository(layout: Layout, tmp_path: Path) -> None:
    adopted(layout, several_in_git(tmp_path / "web", "api", "docs"))
    copy = adopt(layout, "web", folder(tmp_path / "single"))
    assert git(copy, "remote", "get-url", "lifecycle").strip() == str(layout.repositories / "web-2.git")
    assert adopt(layout, "web", tmp_path / "single") == copy


def test_service_that_was_added_from_another_folder_is_refused(layout: Layout, tmp_path: Path) -> None:
    adopt(layout, "api", folder(tmp_path / "single"))
    shop = several_in_git(tmp_path / "shop", "api", "web")
    with pytest.raises(LaptopError, match=r"found api in .*shop/services/api, while it is known from"):
        adopted(layout, shop)
    assert git(shop, "remote") == ""


def test_problems_of_every_service_are_listed_before_anything_is_added(layout: Layout, tmp_path: Path) -> None:
    shop = several_in_git(tmp_path / "shop", "api", "web")
    (shop / "services/api/lifecycle.toml").write_text(SERVICE)
    with pytest.raises(InvalidServiceFile, match='found "web" in services/api and services/web'):
        shared_folder(layout, shop)
    with pytest.raises(InvalidServiceFile):
        shared_folder(layout, shop / "services" / "api")


def test_path_of_one_service_alone_is_shared_with_nobody(layout: Layout, tmp_path: Path) -> None:
    single = repository(tmp_path / "single")
    (single / "tests" / "sample").mkdir(parents=True)
    (single / "tests" / "sample" / "lifecycle.toml").write_text("invalid")
    commit_all(single, "mine")
    paths = [single, single / "tests", single / "tests" / "sample", tmp_path / "none"]
    assert [shared_folder(layout, each) for each in paths] == [None] * 4
    # Examples of this project are copied, not pushed with the whole project.
    assert shared_folder(layout, REPOSITORY / "examples" / "hello") is None


def test_service_that_was_copied_from_a_repository_stays_a_copy(layout: Layout, tmp_path: Path) -> None:
    """Versions before several services copied a folder of a repository; its bare repository owns the service."""
    shop = several_in_git(tmp_path / "shop", "api", "web")
    adopt(layout, "api", shop / "services" / "api")
    assert shared_folder(layout, shop / "services" / "api") is None
