"""The cost of one host in a large cluster: it does not grow with the number of hosts.

Operations are counted, over the gateways of the ledger and a table in memory. `python -m
tests.support.large_cluster 2000` measures a whole rollout of 2,000 hosts.
"""

import json
from dataclasses import replace

import pytest

from lifecycle.application.rollout.next_step import decide_next
from lifecycle.application.rollout.plan import begin
from lifecycle.domain.rollout.checkpoint import QUEUE_LIMIT
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.next_step import HOSTS_PER_EXECUTION
from lifecycle.domain.service.policy import Policy
from lifecycle.gateways.aws.table import CHECKPOINT, HOSTS, cluster_key, deployment_key, key
from lifecycle.gateways.serialization import to_plain
from tests.support.counting_dynamodb import PAGE_BYTES, Reads
from tests.support.large_cluster import Cost, LargeCluster
from tests.support.rollout import CLUSTER


@pytest.fixture(scope="module")
def costs() -> dict[int, Cost]:
    return {hosts: LargeCluster(hosts).deploy("1.0.1") for hosts in (100, 500)}


def test_whole_rollout_reads_as_much_for_each_host_of_a_large_cluster(costs: dict[int, Cost]) -> None:
    small, large = costs[100].per_host(), costs[500].per_host()
    for name in ("calls", "items", "writes", "written_bytes"):
        assert large[name] < 1.5 * small[name], name
    assert large["items"] < 70
    # Only the names of all hosts grow with their number: they are read three times a host at most.
    assert large["bytes"] < 1.5 * small["bytes"] + 3 * 500 * 65
    # Reading the names reads every report and returns none; DynamoDB bills it like a read.
    assert costs[500].reads.billed_bytes < 500 * 3.5 * 500 * 850
    assert costs[500].reads.written_bytes < 500 * 30_000


def test_processor_time_of_a_host_does_not_grow_with_the_hosts(costs: dict[int, Cost]) -> None:
    # It took 4.3 times as long before there were checkpoints, and takes 1.8 times with this table in memory.
    assert costs[500].per_host()["cpu_ms"] < 3.2 * costs[100].per_host()["cpu_ms"]


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
    # The names of the hosts are read in pages of 1 MB of reports: two pages here, one there, twice for each host.
    pages = 2_000 * 900 // PAGE_BYTES
    assert large.calls - small.calls <= 20 * 2 * pages
    # The checkpoint is longer, up to its limit, and there are more names.
    assert large.bytes - small.bytes < 20 * (4 * QUEUE_LIMIT * 120 + 2 * 2_000 * 65)


def test_deployment_that_the_former_version_began_goes_on_in_the_order_of_its_plan() -> None:
    cluster = LargeCluster(60)
    cluster.deploy("1.0.1", steps=3)
    record = cluster.context.deployments.get(CLUSTER, cluster.name)
    assert record is not None
    # The former version stored the hosts in the record itself, and no checkpoint.
    before = replace(record, host_count=0)
    order = tuple(reversed(record.hosts))
    plain = {**to_plain(before), "hosts": list(order)}
    del plain["host_count"]
    items = cluster.client.items
    items[cluster_key(CLUSTER)][f"DEPLOYMENT#{cluster.name}"]["body"] = {"S": json.dumps(plain)}
    for kind in (HOSTS, CHECKPOINT):
        cluster.client.delete_item(TableName="ledger", Key=key(deployment_key(cluster.name), kind))
    step = decide_next(cluster.context, CLUSTER, cluster.name, cluster.name, cluster.passes + 1)
    assert step.hosts[0]["host"] == order[0]
    assert cluster.deployments.everything(cluster.name).hosts == order
    cluster.go_on(1_000)
    assert cluster.record().state is DeploymentState.DONE


def test_checkpoint_of_another_version_is_replaced() -> None:
    cluster = LargeCluster(50)
    cluster.deploy("1.0.1", steps=4)
    stored = cluster.client.items[deployment_key(cluster.name)][CHECKPOINT]
    stored["body"] = {"S": '{"something": "else"}'}
    assert cluster.go_on(2) == 2
    found = cluster.deployments.checkpoint(cluster.name)
    assert found is not None
    assert (found.number, found.baseline is None) == (6, False)


@pytest.mark.parametrize("unavailable", ["50%", 800])
def test_step_never_takes_more_hosts_than_its_execution_has_room_for(unavailable: str | int) -> None:
    cluster = LargeCluster(900, Policy(max_unavailable=unavailable))
    assert begin(cluster.context, cluster.request("1.0.1"), "run").kind == "PLANNED"
    step = decide_next(cluster.context, CLUSTER, cluster.request("1.0.1").deployment, "run")
    assert len(step.hosts) == HOSTS_PER_EXECUTION


def test_failure_in_a_large_cluster_halts() -> None:
    cluster = LargeCluster(60)
    cluster.fleet.failing.add(cluster.hosts[6])
    with pytest.raises(AssertionError, match="failed while self-testing"):
        cluster.deploy("1.0.1")
