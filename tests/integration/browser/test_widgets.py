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


def confirm(page: Page, answer: str, why: str, says: str) -> Locator:
    """Give an answer: read what it would do, write why, and confirm; return the dialog of the result."""
    question(page).get_by_role("button", name=answer, exact=True).click()
    asked = widget(page, WAITS)
    expect(asked).to_contain_text(says)
    asked.get_by_label("Reason").fill(why)
    asked.get_by_role("button", name=answer, exact=True).click()
    expect(page.get_by_role("button", name="Close")).to_be_visible()
    return page.get_by_role("dialog")


def test_failed_deployment_is_rolled_back_once(desk: Desk, console: Callable[..., Page]) -> None:
    name = desk.halted()
    page, elsewhere = console(), console()
    expect(question(page)).to_contain_text("failed while self-testing")
    question(page).locator("summary").first.click()
    picture(page, "question")

    done = confirm(page, "Roll back", "it fails its self-test on host-2", "ROLL_BACK on host-2, attempt 1")
    expect(done).to_contain_text("done")
    page.keyboard.press("Escape")

    expect(widget(page, WAITS)).to_contain_text("nothing waits for you")
    expect(widget(page, HISTORY)).to_contain_text("it fails its self-test on host-2")
    assert desk.machine.record(name).state is DeploymentState.ROLLED_BACK
    assert set(desk.machine.installed().values()) == {"1.0.0"}
    widget(page, DEPLOYMENT).scroll_into_view_if_needed()
    picture(page, "rolled-back")

    before = desk.machine.installed()
    question(elsewhere).get_by_role("button", name="Roll back").click()
    refused = widget(elsewhere, WAITS)
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

    answer = confirm(page, "Approve", "the figures are alike", "APPROVE")
    expect(answer).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(widget(page, HISTORY)).to_contain_text("the figures are alike")
    assert desk.machine.record(name).state is DeploymentState.DONE
    assert set(desk.machine.installed().values()) == {"1.0.1"}


def test_answer_without_its_required_reason_is_not_sent(
    desk: Desk, console: Callable[..., Page], aws: FakeAws
) -> None:
    name = desk.machine.deploy("1.0.1")
    page = console()
    question(page).get_by_role("button", name="Approve").click()
    asked = widget(page, WAITS)
    expect(asked.get_by_label("Reason (required)")).to_have_js_property("required", True)
    asked.get_by_role("button", name="Approve").click()
    expect(asked.get_by_label("Reason (required)")).to_be_focused()
    assert [each.get("preview") for each in aws.payloads("lifecycle-act")] == [True]
    assert not desk.machine.record(name).state.final


@pytest.mark.parametrize("width", [400, 1280, 1600])
def test_card_has_every_answer_beside_its_effect_without_scrolling(
    desk: Desk, console: Callable[..., Page], width: int
) -> None:
    desk.halted()
    page = console(width=width, height=1000)
    card = question(page)
    expect(card).to_contain_text("3 of 4 hosts serve now")
    expect(card.get_by_role("listitem")).to_have_count(5)
    expect(card.get_by_role("listitem").first).to_contain_text("follows from the evidence")
    expect(card.get_by_role("listitem").last).to_contain_text("Abort")
    body = widget(page, WAITS).locator(".body")
    assert body.evaluate("at => at.scrollHeight <= at.clientHeight + 1")
    assert (unreadable(page), scrolls_sideways(page)) == ([], False)
    picture(page, f"question-{width}", widget(page, WAITS))
    card.get_by_role("button", name="Abort").click()
    expect(widget(page, WAITS)).to_contain_text("ABORT on host-2, attempt 1")
    picture(page, f"confirmation-{width}", widget(page, WAITS))
    assert (unreadable(page), scrolls_sideways(page)) == ([], False)


@pytest.mark.parametrize("width", [400, 1280, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_widget_is_readable_on_every_screen(
    desk: Desk, console: Callable[..., Page], width: int, scheme: str
) -> None:
    desk.machine.deploy("1.0.1")
    page = console(width=width, height=1000, color_scheme=scheme)
    expect(question(page)).to_be_visible()
    assert unreadable(page) == []
    assert not scrolls_sideways(page)
    for why in widget(page, HISTORY).locator("td:last-child, dd:last-child").all():
        box = why.bounding_box()
        assert box
        assert box["width"] >= 190  # a reason is no column of single words
        assert box["x"] + box["width"] <= width
    picture(page, f"{scheme}-{width}")
    picture(page, f"history-{scheme}-{width}", widget(page, HISTORY))
