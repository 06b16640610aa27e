from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dispatcher import harness
from tests.integration.dispatcher.harness import Harness
from tests.support.polling import until


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with harness.emulator(tmp_path_factory.mktemp("emulator")) as url:
        yield url


@pytest.fixture(scope="module")
def endpoint(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, Path]]:
    folder = tmp_path_factory.mktemp("dispatcher")
    with harness.dispatcher(emulator, folder, "--sync-interval", "0.5") as (url, pid):
        yield url, pid, folder


@pytest.fixture
def harness_(emulator: str, endpoint: tuple[str, int, Path], request: pytest.FixtureRequest) -> Iterator[Harness]:
    url, pid, folder = endpoint
    made = Harness(emulator, url, folder, harness.free_port(), pid=pid)
    made.build(f"t{abs(hash(request.node.name)) % 10**9}")
    until(lambda: any(group["name"] in made.group and group["used"] for group in made.state()["target_groups"]))
    until(lambda: harness.is_open(made.port))
    yield made
    made.remove()  # each takes inotify instances of this Envoy, and of the second one in another test
