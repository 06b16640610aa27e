"""Reads over many clusters at once: their names, leases and queues, and the deliveries."""

from datetime import UTC, datetime

from lifecycle.application.ports.cluster_queries import Catalog, LeaseAndQueue
from lifecycle.domain.delivery.repository import NewestSnapshot
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.commits import CommitCounts
from tests.contract.conftest import Gateways

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_cluster_is_known_by_its_stack_or_its_desired_version(gateways: Gateways) -> None:
    assert gateways.cluster in gateways.cluster_queries.clusters(afresh=True)
    staging = Cluster("staging", gateways.service)
    assert staging not in gateways.cluster_queries.clusters(afresh=True)
    gateways.registry.set_desired(staging, Desired("1.0.0", "d" * 64, 1, "d-1"))
    assert staging in gateways.cluster_queries.clusters(afresh=True)


def test_leases_and_queues_of_many_clusters_are_read_together(gateways: Gateways) -> None:
    cluster = gateways.cluster
    idle = [Cluster(each, f"{gateways.service}-{n}") for each in ("staging", "production") for n in range(60)]
    lease = gateways.leases.acquire(cluster, "d-1", NOW, 0)
    name = f"{gateways.service}-production-20261123120000-aaaa"
    waiting = PendingDeployment(Request(name, gateways.service, "production", "1.0.1", "ada"), NOW)
    gateways.queue.replace(cluster, None, waiting)
    found = gateways.cluster_queries.leases_and_queues([*idle[:70], cluster, *idle[70:]])
    assert found[cluster] == LeaseAndQueue(lease, waiting)
    assert len(found) == 121
    assert all(found[each] == LeaseAndQueue(Lease(), None) for each in idle)
    assert gateways.cluster_queries.leases_and_queues([]) == {}


def test_snapshots_and_releases_are_read_at_once(gateways: Gateways) -> None:
    service, catalogue = gateways.service, gateways.catalogue
    snapshot, facts = "1.0.0-20261123100000-aaaaaaa", {"commit": "a" * 40, "branch": "main"}
    catalogue.claim_service(service, "https://example.test/hello.git")
    catalogue.record_snapshot(service, snapshot, facts)
    catalogue.claim_release(service, snapshot, "1.0.0")
    assert gateways.cluster_queries.catalog(service) == Catalog({snapshot: facts}, {"1.0.0": snapshot})
    assert gateways.cluster_queries.catalog(f"{service}-other") == Catalog({}, {})


def test_commits_of_many_services_are_counted_together(gateways: Gateways) -> None:
    service, catalogue = gateways.service, gateways.catalogue
    repository = f"https://example.test/{service}.git"
    older, newer = "1.0.0-20261123100000-aaaaaaa", "1.0.0-20261123110000-bbbbbbb"
    catalogue.claim_service(service, repository)
    catalogue.record_snapshot(service, older, {"commit": "a" * 40, "commits": "19"})
    catalogue.record_snapshot(service, newer, {"commit": "b" * 40})  # as an older Lifecycle recorded it
    catalogue.claim_release(service, older, "1.0.0")
    newest = NewestSnapshot(newer, NOW, 21)
    catalogue.change_builds(repository, lambda before: before.counted(service, "main", newest))
    others = {f"{service}-{n}": ["1.0.0"] for n in range(60)}
    found = gateways.cluster_queries.commit_counts({**others, service: ["1.0.0", older, newer, "9.9.9"]})
    assert found[service] == CommitCounts(newer, 21, {"1.0.0": 19, older: 19, newer: 0, "9.9.9": 0})
    assert [found[service].behind(each) for each in ("1.0.0", newer, "9.9.9")] == [2, 0, None]
    assert all(found[each] == CommitCounts() for each in others)


def test_deliveries_have_their_state(gateways: Gateways) -> None:
    assert list(gateways.cluster_queries.deliveries()) == []
    gateways.deliver(f"hello-{'a' * 40}")
    (run,) = gateways.cluster_queries.deliveries()
    assert run.name == f"hello-{'a' * 40}"
    assert run.status in ("RUNNING", "SUCCEEDED")
