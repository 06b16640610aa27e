"""A scope selects clusters, and a page of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.deployment import view_deployments
from lifecycle.application.queries.history import SHOWN, view_history
from lifecycle.application.queries.pending_decisions import view_pending_decisions
from lifecycle.application.queries.scope import PAGE, Page, Scope, clusters_in, page_of
from lifecycle.domain.errors import InvalidName, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import deployment_id
from tests.fakes.builds import MemoryBuilds
from tests.fakes.cluster_queries import MemoryClusterQueries
from tests.fakes.context import MemoryContext
from tests.fakes.phases import MemoryPhases
from tests.unit.console.desk import Desk

HELLO, WEB = Cluster("production", "hello"), Cluster("staging", "web")


@pytest.fixture
def two(desk: Desk) -> Desk:
    """Two clusters of two services."""
    desk.machine.memory.registry.set_desired(WEB, Desired("1.0.0", "d" * 64, 1, "d-1"))
    return desk


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(), [HELLO, WEB]),
        (Scope(service="hello"), [HELLO]),
        (Scope(environment="staging"), [WEB]),
        (Scope("web", "staging"), [WEB]),
    ],
)
def test_clusters_of_a_scope_come_with_every_service(two: Desk, scope: Scope, covered: list[Cluster]) -> None:
    found, services = clusters_in(two.query, scope)
    assert sorted(found, key=str) == covered
    assert services == ("hello", "web")


@pytest.mark.parametrize(
    ("scope", "named"), [(Scope("web", "production"), "web in production"), (Scope(service="helo"), "helo")]
)
def test_scope_without_a_cluster_is_unknown(two: Desk, scope: Scope, named: str) -> None:
    known = f"known: {HELLO}, {WEB}"
    with pytest.raises(Unknown, match=f"cluster of {named} not found; {known}. Deploy a cluster stack for it first"):
        clusters_in(two.query, scope)


def test_environment_without_a_cluster_is_unknown(desk: Desk) -> None:
    with pytest.raises(Unknown, match="cluster of staging not found"):
        clusters_in(desk.query, Scope(environment="staging"))


def test_account_without_a_cluster_has_an_empty_page() -> None:
    memory = MemoryContext({})
    empty = QueryContext(
        memory.context,
        memory.catalogue,
        memory.cluster_queries,
        MemoryPhases(memory.context, memory.catalogue),
        MemoryBuilds(),
    )
    assert clusters_in(empty, Scope()) == ([], ())
    assert page_of([], Scope(), ())[1] == Page(1, 1, ())


class Remembering(MemoryClusterQueries):
    """A list of clusters that was read a while ago, unless it is read afresh."""

    afresh = 0

    def clusters(self, *, afresh: bool = False) -> Sequence[Cluster]:
        self.afresh += afresh
        return [each for each in super().clusters() if afresh or each.service != "web"]


@pytest.mark.parametrize(("service", "afresh"), [("", 0), ("hello", 0), ("shop", 0), ("web", 1)])
def test_list_of_clusters_is_read_afresh_for_an_unknown_service_only(two: Desk, service: str, afresh: int) -> None:
    memory = two.machine.memory
    memory.registry.set_desired(Cluster("staging", "shop"), Desired("1.0.0", "d" * 64, 1, "d-1"))
    remembered = Remembering(memory.leases, memory.queue, memory.registry, memory.catalogue)
    found, _ = clusters_in(replace(two.query, cluster_queries=remembered), Scope(service=service))
    assert remembered.afresh == afresh
    assert {each.service for each in found} == ({service} if service else {"hello", "shop"})


@pytest.mark.parametrize("scope", [Scope(environment="prod"), Scope(service="../web")])
def test_name_that_no_cluster_may_have_is_refused(two: Desk, scope: Scope) -> None:
    with pytest.raises(InvalidName):
        clusters_in(two.query, scope)


@pytest.mark.parametrize(
    ("count", "page", "first", "last", "number", "of"),
    [
        (0, 1, None, None, 1, 1), (1, 1, 0, 0, 1, 1), (PAGE, 1, 0, 9, 1, 1), (PAGE + 1, 1, 0, 9, 1, 2),
        (PAGE + 1, 2, 10, 10, 2, 2), (25, 2, 10, 19, 2, 3), (25, 3, 20, 24, 3, 3), (25, 9, 20, 24, 3, 3),
        (25, 0, 0, 9, 1, 3), (25, -1, 0, 9, 1, 3),
    ],
)  # fmt: skip
def test_page_has_ten(count: int, page: int, first: int | None, last: int | None, number: int, of: int) -> None:
    assert page_of(range(count), Scope(), ()) == page_of(range(count), Scope(page=1), ())
    found, shown = page_of(range(count), Scope(page=page), ("hello",))
    assert shown == Page(number, of, ("hello",))
    assert (found[0], found[-1]) == (first, last) if count else len(found) == 0


def test_views_of_what_runs_are_one_page(two: Desk) -> None:
    one = Page(1, 1, ("hello", "web"))
    assert view_deployments(two.query, Scope()).page == one
    assert view_pending_decisions(two.query, Scope()).page == one


def test_history_of_many_clusters_is_cut_to_its_newest_entries(desk: Desk) -> None:
    memory, last = desk.machine.memory, desk.machine.memory.deployments.recent(HELLO, 1)[0]
    for service in ("web", "shop", "blog"):
        cluster = Cluster("staging", service)
        memory.registry.set_desired(cluster, Desired("1.0.0", "d" * 64, 1, "d-1"))
        for number in range(SHOWN):
            at = desk.machine.now + timedelta(minutes=number)
            memory.audit_log.append(AuditEntry(at, str(cluster), f"does {number}", "ada"))
            request = replace(
                last.request, service=service, environment="staging", deployment=deployment_id(cluster, at, "aaaa")
            )
            memory.deployments.put(replace(last, request=request, started_at=at))
    found = view_history(desk.query, Scope(environment="staging"))
    assert [len(found.deployments), len(found.audit_entries)] == [SHOWN, 2 * SHOWN]
    assert found.audit_entries[0].at == found.deployments[0].started_at == at
