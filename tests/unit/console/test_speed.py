"""The time to read and draw a widget for 50 services of 40 hosts in each of two environments, from memory.

The bound is generous, because test machines are busy; docs/console.md has measurements.
"""

import time

import pytest

from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.scope import PAGE
from tests.fakes.builds import MemoryBuilds
from tests.fakes.context import MemoryContext
from tests.fakes.phases import MemoryPhases
from tests.support.many_clusters import SERVICES, Stores, clusters, fill
from tests.unit.console.desk import VIEWS, Desk, draw
from tests.unit.console.read_widget import read_widget

# Half of a widget's 300 ms, times five for a busy machine.
_SECONDS = 0.15 * 5
_BYTES = 300_000


@pytest.fixture(scope="module")
def query() -> QueryContext:
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
            owner=memory.catalogue.claim_service,
            builds=memory.catalogue.change_builds,
        )
    )
    return QueryContext(
        memory.context,
        memory.catalogue,
        memory.cluster_queries,
        MemoryPhases(memory.context, memory.catalogue),
        MemoryBuilds(),
    )


@pytest.mark.parametrize("view", VIEWS)
def test_widget_of_a_large_account_is_fast_and_small(query: QueryContext, view: str) -> None:
    context = Desk.of().context()
    taken = []
    for _ in range(3):
        began = time.thread_time()
        html = str(draw(query, view, context))
        taken.append(time.thread_time() - began)
    assert min(taken) < _SECONDS
    assert len(html.encode()) < _BYTES


def test_page_shows_ten_lanes_the_busy_ones_first(query: QueryContext) -> None:
    context = Desk.of().context()
    first = read_widget(draw(query, "pipeline", context))
    lanes = [text for text in first.texts if text in {f"service-{number:02}" for number in range(SERVICES)}]
    # The page's own select names every service too.
    assert len(lanes) == SERVICES + PAGE
    assert "1 of 5" in first.text


def test_every_service_is_on_one_screen(query: QueryContext) -> None:
    shown = read_widget(draw(query, "clusters", Desk.of().context(width=1200)))
    rows = [button.text for button in shown.buttons if button.text.startswith("service-")]
    assert rows == [f"service-{number:02}" for number in range(SERVICES)]


def test_cluster_of_forty_hosts_is_shown_host_by_host(query: QueryContext) -> None:
    shown = read_widget(draw(query, "clusters", Desk.of().context(), service="service-00", environment="production"))
    assert "host-00" in shown.text
    assert "host-39" in shown.text
