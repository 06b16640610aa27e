"""The embedded environment for tests: one a session, in a temporary folder, on free ports."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from apps.local import environment
from apps.local.emulator import Aws
from apps.local.layout import Layout
from apps.local.ports import Ports
from apps.local.progress import Progress


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the emulator share one, so under xdist they share one worker."""
    for item in items:
        if item.get_closest_marker("emulator"):
            item.add_marker(pytest.mark.xdist_group("emulator"))


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
