"""Debian's Chromium, driven by Playwright: one browser for a session, a new profile for each page.

Imported by tests/conftest.py, so that all tests of a worker share one; only tests that need Playwright load it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.polling import PATIENCE_SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

    from tests.integration.browser.desk import Desk

_FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_PATIENCE_MS = 1000 * PATIENCE_SECONDS


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Start the system's Chromium; fail the test if there is none."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415

    if (chromium := shutil.which("chromium")) is None:
        pytest.fail("chromium not found; install it: sudo apt install chromium (make test does)")
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        # Its sandbox needs another user than root.
        started = playwright.chromium.launch(
            executable_path=chromium, args=list(_FLAGS), chromium_sandbox=os.getuid() != 0
        )
        yield started
        started.close()


@pytest.fixture
def seat(browser: "Browser") -> Iterator[Callable[..., "Desk"]]:
    """Return a function that opens a page in its own profile: `seat(url, width=400, color_scheme="dark")`."""
    from tests.integration.browser.desk import Desk  # noqa: PLC0415

    contexts: list[BrowserContext] = []

    def opened(url: str, *, width: int = 1280, height: int = 900, **more: Any) -> Desk:
        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        context.set_default_timeout(_PATIENCE_MS)
        return Desk(context.new_page(), url)

    yield opened
    for each in contexts:
        each.close()
