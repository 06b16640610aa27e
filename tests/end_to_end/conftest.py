"""The whole path needs a service: the example, with its repository, its clusters and their hosts."""

import pytest

from apps.local.clusters import Added, add_service
from apps.local.layout import REPOSITORY
from apps.local.progress import Progress
from tests.conftest import Laptop


@pytest.fixture(scope="session")
def hello(laptop: Laptop) -> Added:
    """examples/hello as `lifecycle local add` makes it known: one staging host, four in production."""
    return add_service(laptop.layout, REPOSITORY / "examples" / "hello", Progress(quiet=True))
