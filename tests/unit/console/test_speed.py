"""Fifty services of forty hosts in each of two environments: what a widget takes to read from memory and draw.

The bound is generous, for a machine that does other things too; docs/console.md has what was measured.
"""

import time

import pytest

from lifecycle.application.queries.context import Console
from lifecycle.application.queries.scope import PAGE
from lifecycle.gateways.memory.context import MemoryContext
from tests.support.many_clusters import SERVICES, Stores, clusters, fill
from tests.unit.console.desk import VIEWS, Desk, draw
from tests.unit.console.reading import seen

# Of the 300 ms that a widget has, this is what drawing may take on an idle machine; a busy one gets five times that.
_SECONDS = 0.15 * 5
_BYTES = 300_000


@pytest.fixture(scope="module")
def console() -> Console:
    memory = MemoryContext(dict.fromkeys(clusters(), "/is_alive"))
    fill(
        Stores(
            report=memory.fleet.write_report,
            deployment=memory.deployments.put,
            attempt=memory.deployments.put_attempt,
            ask=memory.deployments.ask,
            # append() compares each entry with all others, which takes seconds; these are all different.
            trail=memory.audit_log.entries.append,
            lease=memory.leases._leases.__setitem__,
            snapshot=memory.catalogue.record_snapshot,
            release=memory.catalogue.claim_release,
        )
    )
    return Console(memory.context, memory.catalogue, memory.sights)


@pytest.mark.parametrize("view", VIEWS)
def test_a_widget_of_a_large_account_is_drawn_quickly_and_is_small(console: Console, view: str) -> None:
    frame = Desk.of().frame()
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        html = str(draw(console, view, frame))
        taken.append(time.perf_counter() - began)
    assert min(taken) < _SECONDS
    assert len(html.encode()) < _BYTES


def test_a_page_shows_ten_those_that_are_busy_first_and_leads_to_the_others(console: Console) -> None:
    frame = Desk.of().frame()
    first = seen(draw(console, "pipeline", frame))
    lanes = [text for text in first.texts if text in {f"service-{number:02}" for number in range(SERVICES)}]
    # The page's own select names every service too.
    assert len(lanes) == SERVICES + PAGE
    assert "1 of 5" in first.text
    last = seen(draw(console, "clusters", frame, page=10))
    assert "10 of 10" in last.text
    assert "40" in last.text


def test_one_cluster_of_forty_hosts_is_shown_host_by_host(console: Console) -> None:
    shown = seen(draw(console, "clusters", Desk.of().frame(), service="service-00", environment="production"))
    assert "host-00" in shown.text
    assert "host-39" in shown.text
