"""The real widgets in a browser: an operator reads why a rollout halted, rolls back, and approves a test bed.

Decisions and records are the real ones over in-memory fakes; tests/end_to_end/test_console.py does the same in
the embedded environment. `make screenshots` saves pictures of these pages.
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import AfterBake, Policy
from tests.integration.browser.desk import picture, scrolls_sideways, unreadable, widget
from tests.integration.browser.widgets import furnish
from tests.integration.console.fake_aws import FakeAws
from tests.unit.console.desk import Desk

pytestmark = pytest.mark.browser

WAITS, DEPLOYMENT = "What waits for you", "Deployment"
BED, HISTORY = "Test bed against its control", "What happened, and who did it"


@pytest.fixture
def desk(aws: FakeAws) -> Desk:
    """Return four hosts that serve 1.0.0 under a policy with a test bed and an approval after it."""
    made = Desk.of(Policy(bake_minutes=20, after_bake=AfterBake.ASK))
    made.machine.deploy("1.0.0")
    furnish(aws, made)
    return made


def question(page: Page) -> Locator:
    return widget(page, WAITS).get_by_role("region", name=re.compile("^hello 1.0.1 to production"))


def confirm(page: Page, button: Locator, says: str) -> Locator:
    """ConsoleAction a button, read what it would do, and confirm; the dialog with the answer."""
    button.click()
    expect(page.get_by_role("dialog")).to_contain_text(says)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("button", name="Close")).to_be_visible()
    return page.get_by_role("dialog")


def test_failed_deployment_is_rolled_back_once(desk: Desk, console: Callable[..., Page]) -> None:
    name = desk.halted()
    page, elsewhere = console(), console()
    expect(question(page)).to_contain_text("failed while self-testing")
    question(page).locator("summary").first.click()
    picture(page, "question")

    question(page).get_by_label("Reason").fill("it fails its self-test on host-2")
    question(page).get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("dialog")).to_contain_text("ROLL_BACK on host-2, attempt 1")
    picture(page, "confirmation")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("dialog")).to_contain_text("done")
    page.keyboard.press("Escape")

    expect(widget(page, WAITS)).to_contain_text("nothing waits for you")
    expect(widget(page, HISTORY)).to_contain_text("it fails its self-test on host-2")
    assert desk.machine.record(name).state is DeploymentState.ROLLED_BACK
    assert set(desk.machine.installed().values()) == {"1.0.0"}
    widget(page, DEPLOYMENT).scroll_into_view_if_needed()
    picture(page, "rolled-back")

    before = desk.machine.installed()
    stale = question(elsewhere).get_by_role("button", name="Roll back")
    refused = confirm(elsewhere, stale, "ROLL_BACK on host-2, attempt 1")
    expect(refused).to_contain_text("not done")
    expect(refused).to_contain_text("Nothing was changed.")
    assert desk.machine.installed() == before


def test_test_bed_is_approved(desk: Desk, console: Callable[..., Page]) -> None:
    name = desk.machine.deploy("1.0.1")
    page = console(height=1000)
    expect(question(page)).to_contain_text("the test bed")
    bed = widget(page, BED)
    expect(bed.get_by_role("img").first).to_be_visible()
    expect(bed).to_contain_text("The verdict, metric by metric")
    picture(page, "test-bed", bed)

    question(page).get_by_label("Reason").fill("the figures are alike")
    answer = confirm(page, question(page).get_by_role("button", name="Approve"), "APPROVE")
    expect(answer).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(widget(page, HISTORY)).to_contain_text("the figures are alike")
    assert desk.machine.record(name).state is DeploymentState.DONE
    assert set(desk.machine.installed().values()) == {"1.0.1"}


def test_approval_without_a_reason_is_refused(desk: Desk, console: Callable[..., Page]) -> None:
    desk.machine.deploy("1.0.1")
    page = console()
    answer = confirm(page, question(page).get_by_role("button", name="Approve"), "APPROVE")
    expect(answer).to_contain_text("a reason is required; write one beside the button")


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_widget_is_readable_on_every_screen(
    desk: Desk, console: Callable[..., Page], width: int, scheme: str
) -> None:
    desk.machine.deploy("1.0.1")
    page = console(width=width, height=1000, color_scheme=scheme)
    expect(question(page)).to_be_visible()
    assert unreadable(page) == []
    assert not scrolls_sideways(page)
    picture(page, f"{scheme}-{width}")
