"""The oracle's excuses for calls that hung between a read and its effect are as narrow as that."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.lease import Lease
from tests.simulation.history import GRACE, Violation
from tests.simulation.invariants.causes import could_be_its_write
from tests.simulation.scheduler import Actor
from tests.simulation.simulation import Simulation
from tests.support.rollout import CLUSTER, Machine

HOST = "127.0.10.1"
DESIRED = Desired("1.0.0", "d0", 5, "before")


@pytest.fixture
def sim() -> Iterator[Simulation]:
    """A run in which time has passed."""
    made = Simulation(0)
    made.now = 10 * GRACE
    yield made
    made.actor = None
    made.close()


def calling(sim: Simulation, function: str) -> Actor:
    """Return the call that runs now."""
    actor = Actor(function, lambda: None, lambda _: None)
    actor.function = function
    sim.actor = actor
    return actor


def leave(sim: Simulation) -> None:
    """Let the only host of the test bed leave its group."""
    sim.balancer.test_groups[Group.TEST_BED].clear()
    sim.balancer.left_at[Group.TEST_BED] = sim.now


def give_weight(sim: Simulation) -> None:
    sim.balancer.weigh(sim.cluster, {Group.MAIN: 1, Group.TEST_BED: 1})


def count(sim: Simulation, *groups: Group) -> None:
    for group in groups:
        sim.balancer.members(sim.cluster, group)
        sim.now += 1


def test_weight_may_be_given_to_a_group_whose_host_left_after_it_was_counted(sim: Simulation) -> None:
    calling(sim, "analyse")
    sim.balancer.test_groups[Group.TEST_BED][HOST] = TargetState.HEALTHY
    count(sim, Group.TEST_BED)
    leave(sim)
    sim.now += 1
    count(sim, Group.CONTROL)  # counting another group shows nothing of this one
    give_weight(sim)


@pytest.mark.parametrize("groups", [(), (Group.CONTROL,), (Group.TEST_BED, Group.CONTROL)])
def test_weight_may_not_be_given_to_a_group_that_was_counted_after_its_host_left(
    sim: Simulation, groups: tuple[Group, ...]
) -> None:
    calling(sim, "analyse")
    leave(sim)
    sim.now += 1
    count(sim, Group.TEST_BED, *groups)
    with pytest.raises(Violation, match="1 weight"):
        give_weight(sim)


def test_weight_may_not_be_given_long_after_the_host_left(sim: Simulation) -> None:
    calling(sim, "analyse")
    count(sim, Group.TEST_BED)
    leave(sim)
    sim.now += 2 * GRACE
    with pytest.raises(Violation, match="1 weight"):
        give_weight(sim)


def free_lease(sim: Simulation, *, audited: bool) -> None:
    """Let another convergence end the deployment `stopped` and free its lease."""
    sim.oracle.lease, sim.oracle.lease_lost_at["stopped"] = Lease(5), sim.now
    sim.oracle.audited = {("stopped", "", "")} if audited else set()


def give_back(sim: Simulation) -> None:
    """Let a convergence give the desired version back."""
    sim.oracle.registry_set_desired(calling(sim, "converge"), None, sim.cluster, DESIRED)


def test_slower_of_two_convergences_may_give_the_version_back_after_the_lease_was_freed(sim: Simulation) -> None:
    free_lease(sim, audited=True)
    give_back(sim)


def test_convergence_must_leave_an_audit_entry_of_that_deployment(sim: Simulation) -> None:
    free_lease(sim, audited=False)
    sim.oracle.audited = {("another", "", "")}
    with pytest.raises(Violation, match="22 trail"):
        give_back(sim)


def test_convergence_may_not_set_the_version_long_after_the_lease_was_freed(sim: Simulation) -> None:
    free_lease(sim, audited=True)
    sim.now += 2 * GRACE
    with pytest.raises(Violation, match="22 trail"):
        give_back(sim)


def test_entry_of_an_earlier_holder_does_not_count_for_the_present_one(sim: Simulation) -> None:
    free_lease(sim, audited=True)
    sim.oracle.lease = Lease(6, "newer", sim.time(), None)
    with pytest.raises(Violation, match="22 trail"):
        give_back(sim)


def test_value_set_again_by_hand_is_excused_only_while_no_later_write_is_known() -> None:
    machine = Machine()
    first = machine.record(machine.deploy("1.0.0"))
    second = machine.record(machine.deploy("1.0.1"))
    mine = machine.memory.registry.desired(CLUSTER)
    lost = replace(second, writes=replace(second.known_writes, confirmed=0))
    older = first.known_writes.intended[0]
    assert could_be_its_write(older, first, [first, lost])
    assert not could_be_its_write(older, first, [first, second])
    assert not could_be_its_write(replace(older, version="1.0.2"), first, [first, lost])
    assert not could_be_its_write(mine, first, [first, lost])
    assert not could_be_its_write(older, None, [lost])
