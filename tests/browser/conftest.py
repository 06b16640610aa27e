"""Debian's Chromium, driven by Playwright: one browser a session, a new profile and a new page a test."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from apps.local.console.calls import Calls
from apps.local.console.server import ConsoleServer
from tests.browser.desk import Desk
from tests.local.console.twin import TwinAws

_FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_PATIENCE_MS = 10_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if (chromium := shutil.which("chromium")) is None:
        pytest.fail("expected Chromium at `chromium`; install it: sudo apt install chromium (make test does)")
    with sync_playwright() as playwright:
        # Its sandbox needs another user than root.
        started = playwright.chromium.launch(
            executable_path=chromium, args=list(_FLAGS), chromium_sandbox=os.getuid() != 0
        )
        yield started
        started.close()


@pytest.fixture
def aws() -> TwinAws:
    """What the console asks; a test fills it before it opens the page."""
    return TwinAws()


@pytest.fixture
def server(aws: TwinAws) -> Iterator[ConsoleServer]:
    started = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"))
    started.start()
    yield started
    started.stop()


@pytest.fixture
def seat(browser: Browser) -> Iterator[Callable[..., Desk]]:
    """Opens a page in a profile of its own: `seat(url, width=400, color_scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def opened(url: str, *, width: int = 1280, height: int = 900, **more: Any) -> Desk:
        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        context.set_default_timeout(_PATIENCE_MS)
        return Desk(context.new_page(), url)

    yield opened
    for each in contexts:
        each.close()


@pytest.fixture
def console(server: ConsoleServer, seat: Callable[..., Desk]) -> Callable[..., Page]:
    """Opens the console's page over the twin, and waits until its widgets are there."""

    def opened(**more: Any) -> Page:
        return seat(server.url, **more).open()

    return opened
