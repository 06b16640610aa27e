"""An environment's folder must be new, empty, or marked by an environment's lock."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apps.local import environment, status
from apps.local.errors import LaptopError, NotRunning, PortsTaken
from apps.local.paths import Layout
from apps.local.ports import LOOPBACK, Ports
from apps.local.progress import Progress
from apps.local.services.clusters import add_service

QUIET = Progress(quiet=True)


@pytest.fixture
def taken() -> Iterator[Ports]:
    """Return ports with which `up` fails before it starts anything."""
    with socket.create_server((LOOPBACK, 0)) as holder:
        yield replace(Ports.free(), builder=holder.getsockname()[1])


@pytest.fixture
def project(tmp_path: Path) -> Layout:
    """Make another project, with folders that have the names of an environment's folders."""
    for folder in ("hosts", "builds", "dispatcher", "tmp"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "precious").write_text("x")
    (tmp_path / "lifecycle.toml").write_text('name = "web"\n')
    return Layout(tmp_path)


def content(layout: Layout) -> set[str]:
    return {str(path.relative_to(layout.home)) for path in layout.home.rglob("*")}


def test_up_in_a_foreign_folder_is_refused_and_changes_nothing(project: Layout, taken: Ports) -> None:
    before = content(project)
    with pytest.raises(LaptopError, match=f"LIFECYCLE_HOME.*found {project.home} with .*no `lock`"):
        environment.up(project, QUIET, taken)
    assert content(project) == before


def test_touching_the_lock_restores_an_environment_without_it(tmp_path: Path, taken: Ports) -> None:
    layout = Layout(tmp_path)
    layout.work.mkdir()
    with pytest.raises(LaptopError, match=f"touch {layout.lock}"):
        environment.up(layout, QUIET, taken)
    layout.lock.touch()
    with pytest.raises(PortsTaken):
        environment.up(layout, QUIET, taken)


def test_down_add_and_status_in_a_foreign_folder_change_nothing(project: Layout) -> None:
    project.clusters.write_text("{}")
    before = content(project)
    with pytest.raises(LaptopError, match="LIFECYCLE_HOME"):
        environment.down(project, QUIET)
    with pytest.raises(LaptopError, match="LIFECYCLE_HOME"):
        add_service(project, project.home, QUIET)
    assert status.rows(project) == []
    assert content(project) == before


def test_lock_file_of_another_program_does_not_mark_an_environment(project: Layout, taken: Ports) -> None:
    project.lock.write_text("resolved = 1\n")
    with pytest.raises(LaptopError, match="LIFECYCLE_HOME"):
        environment.up(project, QUIET, taken)
    assert project.lock.read_text() == "resolved = 1\n"


def test_file_as_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    layout = Layout(tmp_path / "file")
    with pytest.raises(LaptopError, match="found a file"):
        environment.down(layout, QUIET)
    assert status.rows(layout) == []


@pytest.mark.parametrize("folder", ["empty", "new"])
def test_empty_or_new_folder_becomes_an_environment_and_stays_one(tmp_path: Path, folder: str, taken: Ports) -> None:
    (tmp_path / "empty").mkdir()
    layout = Layout(tmp_path / folder)
    for _ in range(2):
        with pytest.raises(PortsTaken):
            environment.up(layout, QUIET, taken)
    with pytest.raises(NotRunning):
        add_service(layout, tmp_path, QUIET)
    environment.down(layout, QUIET)


def test_folder_of_an_interrupted_up_is_still_an_environment(tmp_path: Path, taken: Ports) -> None:
    layout = Layout(tmp_path)
    layout.lock.touch()
    for folder in (layout.logs, layout.temporary):
        folder.mkdir()
    layout.processes.write_text("[]")
    with pytest.raises(PortsTaken):
        environment.up(layout, QUIET, taken)
    assert not layout.temporary.exists()
    assert layout.logs.exists()
