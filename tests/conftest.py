"""Fixtures of all tests: one embedded environment and one browser per worker, and which worker runs which tests.

An environment waits more than it computes. So `make test` has one worker more than processors: two have an
environment, and the others begin with what only computes. What takes longest begins first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from apps.local import environment
from apps.local.aws.clients import Aws
from apps.local.paths import Layout
from apps.local.ports import Ports
from apps.local.progress import Progress
from tests.integration.browser.fixtures import browser, seat

__all__ = ["browser", "seat"]

# The same examples in every run, however busy the machine is.
settings.register_profile("lifecycle", deadline=None, derandomize=True)
settings.load_profile("lifecycle")


@dataclass(frozen=True)
class Laptop:
    """A running environment; `facts` is the content of its environment.json."""

    layout: Layout
    facts: dict[str, Any]
    aws: Aws

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which a command finds this environment instead of the checkout's."""
        return {"LIFECYCLE_HOME": str(self.layout.home)}


_TESTS = Path(__file__).parent
# Costly fixtures that the tests of many files share, those that take longest first.
_ENVIRONMENT, _ANOTHER_ENVIRONMENT, _TEMPLATES = "an environment", "an environment with brittle", "the templates"
_BEGIN_FIRST = (_ENVIRONMENT, _ANOTHER_ENVIRONMENT)
# Their tests have an emulator of their own.
_ALONE = ("dispatcher", "fault_injection")


class _OneWorkerForAFixture(LoadScopeScheduling):  # type: ignore[misc]
    """A scheduler that gives all tests that share a costly fixture to one worker.

    `--dist loadgroup` of xdist would do this, but it renames tests, which pytest 9.2 does not allow.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _shared_fixture(self.config.rootpath / nodeid.partition("::")[0]) or nodeid


@cache
def _shared_fixture(file: Path) -> str | None:
    """Return a name for the costly fixture of this file's tests, or None."""
    text = file.read_text()
    if "pytest.mark.emulator" in text and file.parent.name not in _ALONE:
        return _ANOTHER_ENVIRONMENT if "brittle" in text else _ENVIRONMENT
    if file.parent == _TESTS / "infra":
        return _TEMPLATES
    return str(file) if 'scope="module"' in text else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest: the environments, the tests with a fixture of their own, and the simulation."""

    def place(item: pytest.Item) -> int:
        shared = _shared_fixture(item.path)
        if shared in _BEGIN_FIRST:
            return _BEGIN_FIRST.index(shared)
        return len(_BEGIN_FIRST) + (not shared) + (_TESTS / "simulation" not in item.path.parents)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return the scheduler that spreads the tests of `make test` over its workers."""
    return _OneWorkerForAFixture(config, log)


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """The deployed control plane without services; all its processes end after the session."""
    layout = Layout(tmp_path_factory.mktemp("laptop"))
    ports = Ports.free()
    facts = environment.up(layout, Progress(quiet=True), ports)
    try:
        yield Laptop(layout, facts, Aws.of(facts))
    finally:
        environment.down(layout, Progress(quiet=True))
