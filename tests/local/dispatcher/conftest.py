from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.dispatcher import laboratory
from tests.local.dispatcher.laboratory import Laboratory


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with laboratory.emulator(tmp_path_factory.mktemp("emulator")) as url:
        yield url


@pytest.fixture(scope="module")
def endpoint(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, Path]]:
    folder = tmp_path_factory.mktemp("dispatcher")
    with laboratory.dispatcher(emulator, folder, "--sync-interval", "0.5") as (url, pid):
        yield url, pid, folder


@pytest.fixture
def laboratory_(emulator: str, endpoint: tuple[str, int, Path], request: pytest.FixtureRequest) -> Laboratory:
    url, pid, folder = endpoint
    made = Laboratory(emulator, url, folder, laboratory.free_port(), pid=pid)
    made.build(f"t{abs(hash(request.node.name)) % 10**9}")
    laboratory.until(
        lambda: any(group["name"] in made.group and group["used"] for group in made.state()["target_groups"])
    )
    laboratory.until(lambda: laboratory.is_open(made.port))
    return made
