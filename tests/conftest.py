"""For all tests: one embedded environment a session, in a temporary folder, on free ports; and one browser."""

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
    """A running environment; `facts` is what its environment.json says."""

    layout: Layout
    facts: dict[str, Any]
    aws: Aws

    @property
    def variables(self) -> dict[str, str]:
        """What a command needs in its environment to find this laptop instead of the checkout's."""
        return {"LIFECYCLE_HOME": str(self.layout.home)}


class _OneWorkerPerFixture(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that share a costly fixture share one worker, so that it is made once.

    xdist has `--dist loadgroup` for this, which pytest 9.2 does not let it do: it renames the tests.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _shared_fixture(self.config.rootpath / nodeid.partition("::")[0]) or nodeid


@cache
def _shared_fixture(file: Path) -> str | None:
    """Return a name for the costly fixture of this file's tests, or None."""
    text = file.read_text()
    if "pytest.mark.emulator" in text:
        return "the emulator"
    if file.parent == Path(__file__).parent / "infra":
        return "the templates"
    return str(file) if 'scope="module"' in text else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How `make test` spreads the tests over its workers."""
    return _OneWorkerPerFixture(config, log)


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """The control plane, deployed and empty; ended, whatever happened, with every process of it."""
    layout = Layout(tmp_path_factory.mktemp("laptop"))
    ports = Ports.free()
    facts = environment.up(layout, Progress(quiet=True), ports)
    try:
        yield Laptop(layout, facts, Aws(ports))
    finally:
        environment.down(layout, Progress(quiet=True))
