"""The console's page over a fake of AWS, in a real browser."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from apps.local.console.api import Calls
from apps.local.console.server import ConsoleServer
from tests.integration.browser.desk import Desk
from tests.integration.console.fake_aws import FakeAws


@pytest.fixture
def aws() -> FakeAws:
    """Return the fake of AWS; a test fills it before it opens the page."""
    return FakeAws()


@pytest.fixture
def server(aws: FakeAws) -> Iterator[ConsoleServer]:
    started = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"))
    started.start()
    yield started
    started.stop()


@pytest.fixture
def console(server: ConsoleServer, seat: Callable[..., Desk]) -> Callable[..., Page]:
    """Return a function that opens the page over the fake, and waits for its widgets."""

    def opened(**more: object) -> Page:
        return seat(server.url, **more).open()

    return opened
