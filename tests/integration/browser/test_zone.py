"""Charts, alarms and widgets show UTC, wherever the browser is."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.integration.browser.desk import widget
from tests.integration.browser.scenes import fill
from tests.integration.console.fake_aws import FakeAws

pytestmark = pytest.mark.browser

# 2026-11-23 12:00:00 UTC
NOON = 1795435200.0


def test_every_time_is_in_utc_in_any_zone(aws: FakeAws, console: Callable[..., Page]) -> None:
    fill(aws)
    aws.alarmed[0]["since"] = NOON
    page = console(timezone_id="Asia/Kathmandu", locale="en-GB")
    expect(widget(page, "Alarms")).to_contain_text("since 2026-11-23 12:00 UTC")
    said = str(widget(page, "Requests").get_by_role("img").first.get_attribute("aria-label"))
    assert said.endswith(" UTC.")
    shown = page.evaluate(
        "() => new Date().toLocaleString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })"
    )
    hour = said.removesuffix(" UTC.").split()[-1]
    # The page was drawn within this minute, or in the one before.
    assert (int(shown[:2]) * 60 + int(shown[3:]) - int(hour[:2]) * 60 - int(hour[3:])) % 1440 < 5
    assert widget(page, "Requests").locator("svg text").filter(has_text="UTC").count() == 1
