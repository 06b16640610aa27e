"""status of many clusters: read from the ledger, several at a time, and without their hosts."""

from dataclasses import replace

import pytest

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group
from tests.support.large_account import LargeAccount
from tests.unit.cli.conftest import Desk

# The leases and queues in two reads, the commits in a few, and of each cluster its newest deployment and its
# quarantined versions. Those that deploy have questions and older deployments, too.
_CALLS_OF_A_CLUSTER = 2


@pytest.fixture
def account() -> LargeAccount:
    made = LargeAccount(50)
    every = [each for each in made.memory.registry.clusters() if each.environment == "production"]
    made.memory.registry.clusters = lambda: every  # type: ignore[method-assign]
    return made


@pytest.fixture
def desk_of_many(account: LargeAccount) -> Desk:
    """A desk of an account of 50 services with 40 hosts each in production."""
    desk = Desk()
    queries, catalogue = account.query.cluster_queries, account.memory.catalogue
    desk.connection = replace(desk.connection, context=account.context, cluster_queries=queries, catalogue=catalogue)
    return desk


def test_many_clusters_need_few_reads_of_the_ledger(account: LargeAccount, desk_of_many: Desk) -> None:
    with account.client.counted() as reads:
        done = desk_of_many.type("status")
    assert done.exit_code == 0, done.output
    assert sum(line.startswith("production/service-") for line in done.stdout.splitlines()) == 50
    assert reads.calls <= 50 * _CALLS_OF_A_CLUSTER + 40
    assert "of so many clusters only the deployments are read" in done.stdout


def test_many_clusters_ask_neither_load_balancer_nor_registry(account: LargeAccount, desk_of_many: Desk) -> None:
    asked: list[Cluster] = []
    registered = account.memory.dispatcher.registered

    def count(cluster: Cluster, group: Group | None = None) -> object:
        asked.append(cluster)
        return registered(cluster, group)

    account.memory.dispatcher.registered = count  # type: ignore[method-assign, assignment]
    desk_of_many.type("status")
    assert not asked
    desk_of_many.type("status service-07")
    assert asked[-1] == Cluster("production", "service-07")


def test_many_clusters_can_be_read_in_full(desk_of_many: Desk) -> None:
    found = desk_of_many.facts("status --full")["clusters"]
    assert {(each["in_full"], each["healthy"]) for each in found} == {(True, 40)}
    assert {each["healthy"] for each in desk_of_many.facts("status")["clusters"] if not each["in_full"]} == {None}
