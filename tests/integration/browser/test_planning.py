"""A deployment in the page: its plan first, then its button; and what the rule refuses is disabled."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from lifecycle.domain.rollout.decision import Choice
from tests.integration.browser.desk import drawn, picture, scrolls_sideways, unreadable, widget
from tests.integration.browser.widgets import furnish
from tests.integration.console.fake_aws import FakeAws
from tests.unit.console.desk import Desk

pytestmark = pytest.mark.browser
PIPELINE, WAITS = "From push to production", "What waits for you"


@pytest.fixture
def desk(aws: FakeAws) -> Desk:
    made = Desk.of()
    made.machine.deploy("1.0.0")
    furnish(aws, made)
    return made


def deploy(page: Page) -> Locator:
    return widget(page, PIPELINE).get_by_role("button", name="Deploy to production")


@pytest.mark.parametrize("width", [400, 1280])
def test_plan_is_shown_before_anything_begins(desk: Desk, console: Callable[..., Page], width: int) -> None:
    page = console(width=width, height=1000)
    deploy(page).click()
    lane = widget(page, PIPELINE)
    start = lane.get_by_role("button", name="Deploy 1.0.1")
    expect(start).to_be_visible()
    expect(lane).to_contain_text("Hosts, in this order")
    assert (unreadable(page), scrolls_sideways(page)) == ([], False)
    picture(page, f"plan-{width}", lane)
    page.get_by_label("Show").select_option("the last 3 h")
    drawn(page)
    expect(lane).to_contain_text("nothing has begun")
    assert not desk.machine.memory.executions.rollouts
    lane.get_by_role("button", name="Back").click()
    deploy(page).click()
    lane.get_by_label("Reason").fill("new prices")
    start.click()
    expect(page.get_by_role("dialog")).to_contain_text("Started: 1.0.1 to production/hello")


def test_plan_is_confirmed_by_keyboard(desk: Desk, console: Callable[..., Page]) -> None:
    page = console()
    deploy(page).focus()
    page.keyboard.press("Enter")
    start = widget(page, PIPELINE).get_by_role("button", name="Deploy 1.0.1")
    expect(start).to_be_visible()
    start.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Started: 1.0.1 to production/hello")
    assert len(desk.machine.memory.executions.rollouts) == 1


def test_quarantined_version_is_disabled_with_its_reason(desk: Desk, console: Callable[..., Page]) -> None:
    desk.machine.decide(desk.halted(), Choice.ROLL_BACK, "host-2")
    page = console(width=1280, height=1000)
    expect(deploy(page)).to_be_disabled()
    expect(widget(page, PIPELINE)).to_contain_text("1.0.1 is quarantined: rolled back by grace")
    assert unreadable(page) == []
    picture(page, "refused", widget(page, PIPELINE))


def test_question_is_taken(desk: Desk, console: Callable[..., Page]) -> None:
    desk.halted()
    page = console(width=1280, height=1000)
    widget(page, WAITS).get_by_role("button", name="I am on it").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("dialog")).to_contain_text("is on decision-host-2")
    page.keyboard.press("Escape")
    expect(widget(page, WAITS)).to_contain_text("is on it, since")


@pytest.mark.parametrize("width", [400, 1280, 1600])
def test_host_is_quarantined_and_a_freeze_gets_an_end(desk: Desk, console: Callable[..., Page], width: int) -> None:
    page = console(width=width, height=1000)
    hosts, lane = widget(page, "Services and hosts"), widget(page, PIPELINE)
    hosts.get_by_text("Actions on host-2").click()
    picture(page, f"hosts-{width}", hosts)
    hosts.get_by_role("button", name="Quarantine").click()
    hosts.get_by_label("Reason (required)").fill("its disk fails")
    assert (unreadable(page), scrolls_sideways(page)) == ([], False)
    hosts.get_by_role("button", name="Quarantine").click()
    expect(page.get_by_role("dialog")).to_contain_text("host host-2 of production/hello is quarantined")
    page.keyboard.press("Escape")
    expect(hosts).to_contain_text("its disk fails (by console:ada)")
    lane.get_by_role("button", name="Freeze production").click()
    lane.get_by_label("Until").fill("2h")
    lane.get_by_label("Reason (required)").fill("the sale")
    picture(page, f"freeze-{width}", lane)
    lane.get_by_role("button", name="Freeze production").click()
    expect(page.get_by_role("dialog")).to_contain_text("production is frozen until")
    assert (unreadable(page), scrolls_sideways(page)) == ([], False)
