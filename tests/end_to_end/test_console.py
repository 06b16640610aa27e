"""The console in a real browser: an operator follows a rollout, decides with a click, and sees the result.

tests/integration/browser/test_widgets.py tests the same over fakes, and faster.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.local.aws.endpoints import operator as operator_name
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tests.integration.browser.desk import Desk, drawn, scrolls_sideways, unreadable, widget
from tests.support.polling import PATIENCE_SECONDS
from tools.demo.traffic import Traffic

pytestmark = [pytest.mark.emulator, pytest.mark.browser]

SERVICE = Path(__file__).parent / "brittle"
PATIENCE_MS = 1000 * PATIENCE_SECONDS
# A bake minute is a second here. The judge needs at least 10 minutes, and 100 requests per host.
BAKE_MINUTES, RATE = 15, 60.0
WAITS, PIPELINE, HOSTS = "What waits for you", "From push to production", "Services and hosts"
DEPLOYMENT, HISTORY = "Deployment", "What happened, and who did it"
BED = "Test bed against its control"


@dataclass(frozen=True)
class Shop:
    """A service with three hosts in production.

    `good` serves, `bad` fails its self-test, `baked` has a test bed with an approval after it.
    """

    service: Service
    good: str
    bad: str
    baked: str


@pytest.fixture(scope="module")
def market(operator: Operator, laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("services") / "market"
    shutil.copytree(SERVICE, folder)
    file = folder / "lifecycle.toml"
    file.write_text(file.read_text().replace('name = "brittle"', 'name = "market"'))
    service = add_service(operator, laptop, folder, 3)
    # All builds run at the same time.
    runs = [service.push("Open the market")]
    bake = f'approval = "none"\nbake_minutes = {BAKE_MINUTES}\nafter_bake = "ask"'
    service.change("lifecycle.toml", r'approval = "none"', bake)
    runs.append(service.push("A new till"))
    service.change("lifecycle.toml", r"bake_minutes = \d+", "bake_minutes = 0")
    service.change("lifecycle.toml", r'MOOD = "[^"]*"', 'MOOD = "dies in its self-test"')
    runs.append(service.push("A new window"))
    good, baked, bad = (service.promoted(service.built(run)) for run in runs)
    service.deploy(good)
    return Shop(service, good, bad, baked)


@pytest.fixture
def console(laptop: Laptop, seat: Callable[..., Desk]) -> Iterator[Callable[..., Page]]:
    """Opens the console of the environment in a browser."""
    desks: list[Desk] = []

    def opened(**more: object) -> Page:
        desk = seat(laptop.facts["console"], **more)
        desks.append(desk)
        page = desk.open()
        drawn(page)
        return page

    yield opened
    # The last text of each page is in the report of a failed test.
    for desk in desks:
        print(desk.page.locator("main").aria_snapshot())
    assert [fault for desk in desks for fault in desk.faults] == []


def about(page: Page, title: str) -> Locator:
    """Return a widget, filtered to the market if it has a filter."""
    found = widget(page, title)
    choice = found.get_by_label("Service", exact=True)
    if choice.count() and choice.input_value() != "market":
        drawn(page)
        choice.focus()  # as a person does: a refresh leaves a widget alone while one of its fields has the focus
        choice.select_option("market")
        found.get_by_role("button", name="Show").click()
        expect(found.get_by_label("Service", exact=True)).to_have_value("market")
    return found


def confirmed(page: Page, question: Locator, choice: str, why: str, says: str) -> Locator:
    """Give an answer, check its effect, write why, and confirm; return the dialog of the result."""
    question.get_by_role("button", name=choice).click()
    asked = widget(page, WAITS)
    expect(asked).to_contain_text(says, timeout=PATIENCE_MS)
    asked.get_by_label("Reason").fill(why)
    asked.get_by_role("button", name=choice).click()
    answer = page.get_by_role("dialog")
    expect(answer.get_by_role("button", name="Close")).to_be_visible(timeout=PATIENCE_MS)
    return answer


def closed(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_operator_sees_a_rollout_fail_and_rolls_back_with_a_click(
    market: Shop, console: Callable[..., Page]
) -> None:
    page, elsewhere = console(), console()

    # A click shows the plan of the release, and a second one deploys it.
    lane = about(page, PIPELINE).get_by_role("region", name="market", exact=True)
    lane.get_by_role("button", name="Deploy to production").click()
    plan = widget(page, PIPELINE).get_by_role("region", name=re.compile(f"^Deploy market {market.bad} to production"))
    expect(plan).to_contain_text("Hosts, in this order", timeout=PATIENCE_MS)
    plan.get_by_role("button", name=f"Deploy {market.bad}").click()
    answer = page.get_by_role("dialog")
    expect(answer).to_contain_text(f"Started: {market.bad} to production/market", timeout=PATIENCE_MS)
    closed(page)

    # The page shows without a reload that the rollout runs, and then that it halts at its first host.
    expect(about(page, DEPLOYMENT)).to_contain_text(f"market {market.bad} to production", timeout=PATIENCE_MS)
    question = about(page, WAITS).get_by_role("region", name=re.compile(f"market {market.bad} to production"))
    expect(question).to_contain_text("failed while self-testing", timeout=PATIENCE_MS)
    question.get_by_text("the end of the log").click()
    expect(question).to_contain_text("brittle: I die in my self-test")
    expect(about(page, HOSTS)).to_contain_text("failed")

    # Another page shows the same decision and does not refresh.
    stale = about(elsewhere, WAITS).get_by_role("button", name="Roll back")
    expect(stale).to_be_visible(timeout=PATIENCE_MS)
    elsewhere.get_by_role("combobox", name="Refresh").select_option("Off")
    drawn(elsewhere)

    # A click shows what would happen and asks why; a second one rolls back.
    says = f"back to {market.good}; {market.bad} is quarantined"
    done = confirmed(page, question, "Roll back", "it dies in its self-test", says)
    expect(done).to_contain_text("done", timeout=PATIENCE_MS)
    closed(page)

    # A second click on the same decision is refused and changes nothing.
    stale.click()
    refused = widget(elsewhere, WAITS)
    expect(refused).to_contain_text("not done", timeout=PATIENCE_MS)
    expect(refused).to_contain_text("Nothing was changed.")

    # The page shows that every host serves the previous version, and who decided that.
    expect(about(page, WAITS)).to_contain_text("nothing waits for you", timeout=PATIENCE_MS)
    hosts = about(page, HOSTS).get_by_role("region", name="Hosts of production/market")
    expect(hosts).to_contain_text("3 hosts: 3 serving", timeout=PATIENCE_MS)
    expect(hosts).to_contain_text(f"quarantined {market.bad}")
    expect(about(page, HISTORY)).to_contain_text("it dies in its self-test", timeout=PATIENCE_MS)
    expect(about(page, HISTORY)).to_contain_text(operator_name())
    assert set(market.service.installed().values()) == {market.good}


def test_an_operator_approves_a_test_bed(market: Shop, console: Callable[..., Page]) -> None:
    market.service.ensure_version(market.good)
    page = console()
    with Traffic(market.service.url, RATE) as traffic:
        market.service.deploy(market.baked, "--no-watch")
        bed = about(page, BED)
        expect(bed).to_contain_text(f"production/market: {market.baked} on ", timeout=PATIENCE_MS)
        question = about(page, WAITS).get_by_role("region", name=f"market {market.baked} to production: an approval")
        expect(question).to_contain_text("the test bed", timeout=PATIENCE_MS)
    assert traffic.tally.failed == 0, traffic.tally.facts()
    expect(bed.get_by_role("img").first).to_be_visible()
    expect(bed).to_contain_text("The verdict, metric by metric")
    bed.scroll_into_view_if_needed()

    answer = confirmed(page, question, "Approve", "the figures are alike", "APPROVE")
    expect(answer).to_contain_text("done")
    closed(page)
    hosts = about(page, HOSTS).get_by_role("region", name="Hosts of production/market")
    expect(hosts).to_contain_text(re.compile(rf"{re.escape(market.baked)} \S DONE"), timeout=PATIENCE_MS)
    assert set(market.service.installed().values()) == {market.baked}
    expect(about(page, HISTORY)).to_contain_text("the figures are alike", timeout=PATIENCE_MS)


@pytest.mark.parametrize(("width", "scheme"), [(1600, "light"), (1600, "dark"), (400, "light"), (400, "dark")])
def test_every_widget_can_be_read_on_every_screen(
    market: Shop, console: Callable[..., Page], width: int, scheme: str
) -> None:
    page = console(width=width, color_scheme=scheme)
    assert unreadable(page) == []
    assert not scrolls_sideways(page)
    assert page.locator(".problem").all_inner_texts() == []
