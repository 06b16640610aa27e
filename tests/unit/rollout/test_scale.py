"""The cost of one host in a large cluster: it does not grow with the number of hosts.

Operations are counted, over the gateways of the ledger and a table in memory. `python -m
tests.support.large_cluster 2000` measures a whole rollout of 2,000 hosts.
"""

import pytest

from lifecycle.domain.rollout.checkpoint import QUEUE_LIMIT
from tests.support.counting_dynamodb import PAGE_BYTES, Reads
from tests.support.large_cluster import Cost, LargeCluster


@pytest.fixture(scope="module")
def costs() -> dict[int, Cost]:
    return {hosts: LargeCluster(hosts).deploy("1.0.1") for hosts in (100, 500)}


def test_whole_rollout_reads_as_much_for_each_host_of_a_large_cluster(costs: dict[int, Cost]) -> None:
    small, large = costs[100].per_host(), costs[500].per_host()
    for name in ("calls", "items", "bytes", "writes", "written_bytes"):
        assert large[name] < 1.5 * small[name], name
    assert large["items"] < 70
    assert large["bytes"] < 90_000


def test_processor_time_of_a_host_does_not_grow_with_the_hosts(costs: dict[int, Cost]) -> None:
    # Five times the hosts took nine times the time a host before there were checkpoints.
    assert costs[500].per_host()["cpu_ms"] < 4 * costs[100].per_host()["cpu_ms"]


def test_hosts_between_two_observations_of_2000_hosts_cost_as_much_as_those_of_100() -> None:
    reads: dict[int, Reads] = {}
    for hosts in (100, 2_000):
        cluster = LargeCluster(hosts)
        cluster.deploy("1.0.1", steps=5)
        with cluster.client.counted() as reads[hosts]:
            cluster.go_on(20)
    small, large = reads[100], reads[2_000]
    assert large.items == small.items
    assert large.writes == small.writes
    # A count of reports reads a page of 1 MB after the other: two pages here, one there, three times a host.
    pages = 2_000 * 900 // PAGE_BYTES
    assert large.calls - small.calls <= 20 * 3 * pages
    # The checkpoint is longer, up to its limit.
    assert large.bytes - small.bytes < 20 * 4 * QUEUE_LIMIT * 120


def test_failure_in_a_large_cluster_halts() -> None:
    cluster = LargeCluster(60)
    cluster.fleet.failing.add(cluster.hosts[6])
    with pytest.raises(AssertionError, match="failed while self-testing"):
        cluster.deploy("1.0.1")
