"""Many clusters and long histories: an unreadable cluster, and old rollback targets."""

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.observe import RECENT_LIMIT
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from tests.support.rollout import CLUSTER, Machine

GONE = Cluster("production", "a-stack-that-is-gone")


def test_unreadable_cluster_stops_no_other(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.memory.registry.set_desired(GONE, Desired("1.0.0", "0" * 64, 1, "long-ago"))
    machine.join("host-5")
    found = {each.cluster: each for each in converge_all(machine.context, "abcd", "schedule")}
    assert (found[str(GONE)].kind, "Deploy its stack first" in found[str(GONE)].reason) == ("FAILED", True)
    assert found[str(CLUSTER)].kind == "REPAIR"


def test_rollback_target_is_found_after_many_repairs(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.repaired(3 * RECENT_LIMIT)
    assert rollback_target(machine.context, CLUSTER).version == "1.0.0"
    planned = preview(machine.context, machine.request("1.0.2"))
    assert planned.previous is not None
    assert planned.previous.version == "1.0.1"


def test_cluster_with_one_version_has_no_rollback_target(machine: Machine) -> None:
    machine.repaired(3 * RECENT_LIMIT)
    assert preview(machine.context, machine.request("1.0.0")).previous is None
