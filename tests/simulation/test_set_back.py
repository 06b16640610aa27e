"""The oracle's excuse for an agent whose deployment lost its lease is as narrow as the loss."""

from dataclasses import replace

import pytest

from apps.agent.decide import State, TurnRecord
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.lease import Lease
from tests.simulation.history import GRACE, Violation
from tests.simulation.invariants.fencing import begins_current_turns, epochs_only_grow, not_fenced
from tests.simulation.scheduler import Actor
from tests.simulation.simulation import Simulation

BEGINS = TurnRecord(5, 1, Order.INSTALL, "loser", "1.0.1", "d1", 1, AgentStage.INSTALLING)


@pytest.fixture
def sim() -> Simulation:
    """A run in which `loser` holds the lease under epoch 5, and time has passed."""
    made = Simulation(1)
    made.oracle.lease = Lease(5, "loser", made.time(), None)
    made.registry.set_desired(made.cluster, Desired("1.0.1", "d1", 5, "loser"))
    made.now = 10 * GRACE
    return made


def lose(sim: Simulation) -> None:
    sim.leases.set_back(sim.cluster)
    sim.oracle.lease_lost(Lease())
    sim.now += 2 * GRACE


def begins(sim: Simulation, deployment: str) -> None:
    host = next(iter(sim.hosts.values()))
    begins_current_turns(sim.oracle, host, None, State(replace(BEGINS, deployment=deployment)))


def test_agent_may_begin_for_the_deployment_that_lost_its_lease_to_nobody(sim: Simulation) -> None:
    lose(sim)
    begins(sim, "loser")


def test_agent_may_not_begin_for_another_deployment_meanwhile(sim: Simulation) -> None:
    lose(sim)
    with pytest.raises(Violation, match="4 interleaved"):
        begins(sim, "another")


def test_excuse_ends_a_moment_after_another_deployment_takes_the_lease(sim: Simulation) -> None:
    lose(sim)
    sim.oracle.lost_lease, sim.oracle.robbed_until = None, sim.now
    sim.oracle.lease = Lease(6, "newer", sim.time(), None)
    begins(sim, "loser")  # it has read its turn, and the newer plan withdraws it next
    sim.now += 1.1 * GRACE
    with pytest.raises(Violation, match="4 interleaved"):
        begins(sim, "loser")


def test_lost_epoch_may_be_taken_but_not_used(sim: Simulation) -> None:
    lose(sim)
    assert sim.oracle.lease == Lease(5)
    again = Lease(5, "newer", sim.time(), None)
    epochs_only_grow(sim.oracle, sim.oracle.lease, again)
    sim.oracle.lease, actor = again, Actor("plan [1]", lambda: None, lambda _: None)
    actor.deployment = "newer"
    with pytest.raises(Violation, match=r"14 epoch: plan .*: register host-1 under epoch 5, which another had"):
        not_fenced(sim.oracle, actor, "register host-1")


def test_lost_epoch_is_over_once_a_lease_has_a_higher_one(sim: Simulation) -> None:
    lose(sim)
    epochs_only_grow(sim.oracle, sim.oracle.lease, Lease(6, "newer", sim.time(), None))
    with pytest.raises(Violation, match="14 epoch"):
        epochs_only_grow(sim.oracle, Lease(6), Lease(6, "newest", sim.time(), None))


def test_epoch_that_was_not_lost_is_not_taken_again(sim: Simulation) -> None:
    with pytest.raises(Violation, match="14 epoch"):
        epochs_only_grow(sim.oracle, Lease(5), Lease(5, "newer", sim.time(), None))


def test_epoch_that_no_record_has_may_be_given_again(sim: Simulation) -> None:
    sim.registry.set_desired(sim.cluster, Desired("1.0.1", "d1", 4, "before"))
    lose(sim)
    assert sim.oracle.lease == Lease(4)
    epochs_only_grow(sim.oracle, sim.oracle.lease, Lease(5, "newer", sim.time(), None))


def test_epoch_that_a_host_has_acted_under_is_not_given_again(sim: Simulation) -> None:
    sim.registry.set_desired(sim.cluster, Desired("1.0.1", "d1", 4, "before"))
    next(iter(sim.hosts.values())).acted_epoch = 5
    lose(sim)
    assert sim.oracle.lease == Lease(5)
