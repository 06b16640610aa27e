"""All services on one screen in a real browser: order, filter, a press on a service, and the width."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from playwright.sync_api import Locator, Page, expect

from lifecycle.domain.delivery.repository import NewestSnapshot, RepositoryBuilds
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.rollout.deployment import DeploymentState, deployment_id
from tests.integration.browser.desk import drawn, picture, scrolls_sideways, unreadable, widget
from tests.integration.browser.widgets import furnish
from tests.integration.console.fake_aws import FakeAws
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import COMMIT, Desk

pytestmark = pytest.mark.browser

TITLE, SERVICES = "Services and hosts", 50


@pytest.fixture
def desk(aws: FakeAws) -> Desk:
    """Return fifty services in both environments; every tenth has a deployment that ended badly."""
    made = Desk.of()
    made.machine.deploy("1.0.0")
    memory, now = made.machine.memory, made.machine.now
    done = memory.deployments.recent(CLUSTER, 1)[0]
    for number in range(SERVICES - 1):
        service = f"service-{number:02}"
        repository = f"https://example.test/{service}.git"
        snapshots = [f"1.{number}.0-202611231{minute}0000-ccccccc" for minute in (0, 1)]
        memory.catalogue.claim_service(service, repository)
        for count, snapshot in enumerate(snapshots):
            facts = {"commit": COMMIT, "digest": "d" * 64, "branch": "main", "commits": str(100 + count * number)}
            memory.catalogue.record_snapshot(service, snapshot, facts)
        memory.catalogue.claim_release(service, snapshots[0], f"1.{number}.0")
        newest = NewestSnapshot(snapshots[1], now, 100 + number)
        counted = partial(RepositoryBuilds.counted, service=service, branch="main", newest=newest)
        memory.catalogue.change_builds(repository, counted)
        for environment, version in zip(ENVIRONMENTS, (snapshots[1], f"1.{number}.0"), strict=True):
            cluster = Cluster(environment, service)
            memory.registry.deploy(cluster)
            at = now - timedelta(hours=number + 1)
            name = deployment_id(cluster, at, "ab12")
            request = replace(
                done.request, deployment=name, service=service, environment=environment, version=version
            )
            target = replace(done.target, version=version)
            record = replace(done, request=request, target=target, started_at=at, finished_at=at, execution=name)
            memory.deployments.put(record)
            if number % 10 == 3:
                later = deployment_id(cluster, at + timedelta(minutes=1), "ab13")
                memory.deployments.put(
                    replace(
                        record,
                        request=replace(request, deployment=later, version="2.0.0", requested_by="grace"),
                        target=replace(target, version="2.0.0"),
                        epoch=done.epoch + 1,
                        state=DeploymentState.ABORTED,
                    )
                )
    furnish(aws, made)
    return made


def names(page: Page) -> list[str]:
    """Return the services of the matrix, as their buttons say it."""
    shown = widget(page, TITLE).locator("tbody td:first-child button, section h3 button").all_inner_texts()
    return [each.strip() for each in shown]


def column(page: Page, name: str, number: int) -> Locator:
    return widget(page, TITLE).get_by_role("button", name=f"sort by {name}", exact=True).nth(number)


def test_fifty_services_are_sorted_filtered_and_opened(desk: Desk, console: Callable[..., Page]) -> None:
    page = console()
    assert len(names(page)) == SERVICES == len(desk.query.cluster_queries.clusters()) // 2 + 1
    assert not scrolls_sideways(page)
    matrix = widget(page, TITLE).get_by_role("region", name="Services and environments")
    assert matrix.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert unreadable(page) == []
    picture(page, "services-1280", widget(page, TITLE))

    column(page, "commits behind", 0).click()
    expect(column(page, "commits behind", 0)).to_contain_text("\u25bc")
    assert names(page)[0] == "service-48"
    column(page, "commits behind", 0).click()
    expect(column(page, "commits behind", 0)).to_contain_text("\u25b2")
    assert names(page)[:2] == ["service-00", "service-01"]
    column(page, "state", 0).press("Enter")
    expect(column(page, "state", 0)).to_contain_text("\u25b2")
    assert names(page)[0] == "service-03"

    widget(page, TITLE).get_by_label("Filter").fill("grace aborted")
    widget(page, TITLE).get_by_role("button", name="Show", exact=True).click()
    expect(widget(page, TITLE)).to_contain_text("5 of 50 services")
    assert names(page) == [f"service-{number:02}" for number in (3, 13, 23, 33, 43)]
    widget(page, TITLE).get_by_label("Filter").fill("hello")
    widget(page, TITLE).get_by_role("button", name="Show", exact=True).click()
    expect(widget(page, TITLE)).to_contain_text("1 of 50 services")
    widget(page, TITLE).get_by_role("button", name="hello", exact=True).click()
    expect(widget(page, TITLE)).to_contain_text("host-4")
    widget(page, TITLE).get_by_role("button", name="All services").click()
    drawn(page)
    expect(widget(page, TITLE)).not_to_contain_text("host-4")
    assert len(names(page)) == SERVICES


def test_services_are_cards_on_a_phone(desk: Desk, console: Callable[..., Page]) -> None:
    page = console(width=400)
    assert len(names(page)) == len({each.service for each in desk.query.cluster_queries.clusters()})
    assert not scrolls_sideways(page)
    card = widget(page, TITLE).get_by_role("region", name="service-03", exact=True)
    expect(card).to_contain_text("ABORTED 2.0.0")
    expect(card).to_contain_text("3 commits behind")
    picture(page, "services-400", widget(page, TITLE))
