"""Helpers for tests of the page: open it, wait for it, read it, and check that it is readable."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.support.polling import wait_for

PICTURES = os.environ.get("LIFECYCLE_SCREENSHOTS", "")
_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@dataclass
class Desk:
    """One page; `requests` are the URLs that it requested, `faults` the errors of its scripts."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open(self) -> Page:
        """Open the page, and wait until every widget has been drawn once."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(self.url)
        self.page.wait_for_selector("main > *")
        drawn(self.page)
        return self.page


def until(page: Page, holds: Callable[[], object]) -> None:
    """Wait until a condition outside of the browser holds; the page's own events are handled meanwhile."""

    def poll() -> object:
        page.wait_for_timeout(20)
        return holds()

    wait_for("a condition outside of the browser", poll)


def drawn(page: Page) -> None:
    """Wait until the page has its list of widgets, and none of them is being drawn."""
    expect(page.locator("[data-looking-up], [aria-busy=true]")).to_have_count(0)


def widget(page: Page, title: str) -> Locator:
    """Return the widget of a title, as a screen reader finds it."""
    return page.get_by_role("region", name=title, exact=True)


def picture(page: Page, name: str, part: Locator | None = None) -> None:
    """Save a picture of the window or of a part of the page, if pictures are wanted (`make screenshots`)."""
    if PICTURES:
        drawn(page)
        (part or page).screenshot(path=Path(PICTURES) / f"{name}.png")


def unreadable(page: Page) -> list[dict[str, Any]]:
    """Return the visible texts whose contrast is below WCAG's AA, with their colours and the ratio."""
    found: list[dict[str, Any]] = page.evaluate(_CONTRAST)
    return found


def scrolls_sideways(page: Page) -> bool:
    """Return True if the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def focused(page: Page) -> str:
    """Return the text of the element that has the focus, also within shadow trees."""
    return str(
        page.evaluate(
            """() => {
              let at = document.activeElement;
              while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
              return at ? (at.name || at.textContent.trim() || at.localName) : "";
            }"""
        )
    )
