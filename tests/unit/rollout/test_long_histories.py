"""Many clusters and long histories: an unreadable cluster, and old rollback targets."""

from dataclasses import replace

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.observe import HISTORY_LIMIT, RECENT_LIMIT, recent_deployments
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.rollout.preflight import HOSTS_LIMIT
from tests.support.rollout import CLUSTER, Machine

GONE = Cluster("production", "a-stack-that-is-gone")


def test_unreadable_cluster_stops_no_other(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.memory.registry.set_desired(GONE, Desired("1.0.0", "0" * 64, 1, "long-ago"))
    machine.join("host-5")
    found = {each.cluster: each for each in converge_all(machine.context, "abcd", "schedule")}
    assert (found[str(GONE)].kind, "Deploy its stack first" in found[str(GONE)].reason) == ("HOLD", True)
    assert found[str(CLUSTER)].kind == "REPAIR"


def test_rollback_target_is_found_after_many_repairs(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.repaired(3 * RECENT_LIMIT)
    assert rollback_target(machine.context, CLUSTER).to.version == "1.0.0"
    planned = preview(machine.context, machine.request("1.0.2"))
    assert planned.previous is not None
    assert planned.previous.version == "1.0.1"


def test_history_is_read_back_to_a_limit(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.repaired(HISTORY_LIMIT)
    assert len(recent_deployments(machine.context, CLUSTER)) == HISTORY_LIMIT


def test_cluster_of_too_many_hosts_is_refused_but_rolled_back(machine: Machine) -> None:
    machine.deploy("1.0.1")
    reports = [replace(machine.report("host-1"), host=f"more-{n}", address=f"10.1.1.{n}") for n in range(HOSTS_LIMIT)]
    for report in reports:
        machine.memory.fleet.write_report(CLUSTER, report)
    blockers = preview(machine.context, machine.request("1.0.2")).blockers
    assert any(f"{HOSTS_LIMIT + 4} hosts: expected at most {HOSTS_LIMIT}" in each for each in blockers)
    assert not preview(machine.context, machine.request("1.0.0", Kind.ROLLBACK)).blockers


def test_cluster_with_one_version_has_no_rollback_target(machine: Machine) -> None:
    machine.repaired(3 * RECENT_LIMIT)
    assert preview(machine.context, machine.request("1.0.0")).previous is None
