"""A person before the console's page: what is opened, what is read, whether it can be read."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

PICTURES = os.environ.get("LIFECYCLE_SCREENSHOTS", "")
_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@dataclass
class Desk:
    """One page; `requests` are the URLs that it asked for, `faults` what its scripts failed with."""

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


def until(page: Page, come: Callable[[], object]) -> None:
    """Wait until something holds outside of the browser."""
    for _ in range(200):
        if come():
            return
        page.wait_for_timeout(20)
    raise AssertionError("waited 4 s in vain")


def drawn(page: Page) -> None:
    """Wait until the page looks nothing up and no widget is being drawn.

    A widget is busy only once the page knows which ones there are: its own looking up comes before.
    """
    expect(page.locator("[data-looking-up], [aria-busy=true]")).to_have_count(0)


def widget(page: Page, title: str) -> Locator:
    """The widget of a title, as a person or a screen reader finds it."""
    return page.get_by_role("region", name=title, exact=True)


def picture(page: Page, name: str, part: Locator | None = None) -> None:
    """Keep what is seen now, when pictures are wanted (`make screenshots`): the window, or a part of the page."""
    if PICTURES:
        drawn(page)
        (part or page).screenshot(path=Path(PICTURES) / f"{name}.png")


def unreadable(page: Page) -> list[dict[str, Any]]:
    """Every visible text whose contrast is under WCAG's AA, with its colours and the ratio."""
    found: list[dict[str, Any]] = page.evaluate(_CONTRAST)
    return found


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def focused(page: Page) -> str:
    """The text of what has the focus, inside shadow trees too."""
    return str(
        page.evaluate(
            """() => {
              let at = document.activeElement;
              while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
              return at ? (at.name || at.textContent.trim() || at.localName) : "";
            }"""
        )
    )
