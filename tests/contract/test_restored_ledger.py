"""The ledger restored on the emulator: copy its items, deploy twice, put the copy back, and go on.

The same over the fakes, in more situations, is tests/unit/rollout/test_restored_ledger.py.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apps.local.aws.clients import Aws
from lifecycle.application.convergence.converge import converge_all
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.configuration import ConfigRevision
from lifecycle.gateways.aws.configurations import DynamoConfigRevisions
from lifecycle.gateways.aws.table import Table
from tests.contract.ledger_table import create_table
from tests.support.large_cluster import LargeCluster
from tests.support.rollout import CLUSTER
from tools import restore_ledger

LEDGER, COPY = "restored-ledger", "restored-ledger-copy"

pytestmark = pytest.mark.emulator


@pytest.fixture
def cluster(emulator: Aws) -> Iterator[LargeCluster]:
    """Four hosts that serve 1.0.1 under epoch 1, over a ledger of their own and an empty table for its copy."""
    dynamodb = emulator.client("dynamodb")
    for name in (LEDGER, COPY):
        create_table(emulator, name)
    made = LargeCluster(4, table=Table(dynamodb, LEDGER))
    deploy(made, "1.0.1")
    yield made
    for name in (LEDGER, COPY):
        dynamodb.delete_table(TableName=name)


def deploy(cluster: LargeCluster, version: str) -> Deployment:
    cluster.memory.clock.sleep(1)
    cluster.deploy(version)
    return cluster.record()


def copy_ledger(cluster: LargeCluster) -> None:
    """Copy the ledger, as a point-in-time restore does: into another table."""
    dynamodb = cluster.table.dynamodb
    changes = restore_ledger.compare(dynamodb, COPY, LEDGER)
    restore_ledger.write(dynamodb, COPY, changes)
    assert not restore_ledger.compare(dynamodb, COPY, LEDGER).lines()


def put_back(cluster: LargeCluster) -> list[str]:
    dynamodb = cluster.table.dynamodb
    changes = restore_ledger.compare(dynamodb, LEDGER, COPY)
    restore_ledger.write(dynamodb, LEDGER, changes)
    return changes.lines()


def serving(cluster: LargeCluster) -> set[str]:
    states = set(cluster.memory.dispatcher.states[CLUSTER].values())
    assert states == {TargetState.HEALTHY}, "every host is in rotation"
    return {report.installed for report in cluster.context.fleet.reports(CLUSTER).values()}


def test_restored_ledger_takes_nothing_down_and_goes_on_under_a_higher_epoch(cluster: LargeCluster) -> None:
    copy_ledger(cluster)
    deploy(cluster, "1.0.2")
    last = deploy(cluster, "1.0.1")
    assert last.epoch == 3
    cluster.context.fleet.quarantine(CLUSTER, "0.9.0", "it loses orders")
    cluster.context.freezes.put(Freeze("staging", "ada", "the ledger is restored", last.started_at))
    configurations = DynamoConfigRevisions(None, cluster.table)
    configurations.record(ConfigRevision(str(CLUSTER), 1, ("A",), ("A",), "ada", "", last.started_at))
    trail = cluster.context.audit_log.read(CLUSTER)
    assert put_back(cluster) == [
        "CLUSTER: 1 items to write, 2 to delete",
        "DEPLOYMENT: 0 items to write, 10 to delete",
    ]
    assert cluster.context.deployments.get(CLUSTER, last.id) is None
    assert cluster.context.leases.current(CLUSTER).epoch == 1
    assert cluster.context.audit_log.read(CLUSTER) == trail, "no audit entry is lost"
    assert cluster.context.fleet.quarantined(CLUSTER) == {"0.9.0": "it loses orders"}, "nor a quarantine"
    assert [each.scope for each in cluster.context.freezes.all()] == ["staging"], "nor a freeze"
    assert [each.revision for each in configurations.recorded(CLUSTER)] == [1], "nor a record of what SSM has"
    assert serving(cluster) == {"1.0.1"}
    held = converge_all(cluster.context, "abcd", "schedule")[0]
    assert (held.kind, "which has no record" in held.reason) == ("HOLD", True)
    deployed = deploy(cluster, "1.0.2")
    assert (deployed.state, deployed.epoch) == (DeploymentState.DONE, 4)
    assert serving(cluster) == {"1.0.2"}
    assert converge_all(cluster.context, "abcd", "schedule")[0].kind == "CONVERGED"


def test_deleted_lease_is_taken_under_a_higher_epoch(cluster: LargeCluster) -> None:
    assert cluster.table.delete(f"CLUSTER#{CLUSTER}", "LEASE")
    assert deploy(cluster, "1.0.2").epoch == 2
    assert serving(cluster) == {"1.0.2"}


def test_running_deployment_takes_its_deleted_lease_again(cluster: LargeCluster) -> None:
    cluster.memory.clock.sleep(1)
    cluster.deploy("1.0.2", steps=2)
    assert cluster.table.delete(f"CLUSTER#{CLUSTER}", "LEASE")
    cluster.go_on(100)
    assert (cluster.record().state, cluster.record().epoch) == (DeploymentState.DONE, 3)
    assert serving(cluster) == {"1.0.2"}


def test_deployment_of_the_past_does_not_go_on(cluster: LargeCluster) -> None:
    cluster.memory.clock.sleep(1)
    cluster.deploy("1.0.2", steps=2)
    past = cluster.record()
    copy_ledger(cluster)
    cluster.go_on(100)
    deploy(cluster, "1.0.1")
    put_back(cluster)
    assert cluster.context.leases.current(CLUSTER).deployment == past.id
    cluster.memory.executions.rollouts[past.id] = {}
    found = converge_all(cluster.context, "abcd", "schedule")[0]
    assert (found.kind, found.deployment) == ("CLOSE_ORPHANED", past.id)
    closed = cluster.context.deployments.get(CLUSTER, past.id)
    assert closed is not None
    assert closed.state is DeploymentState.STALE
    assert replace(cluster.context.leases.current(CLUSTER), epoch=0).deployment == ""
    assert serving(cluster) == {"1.0.1"}
