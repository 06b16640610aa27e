"""Plans that were killed: before the lease, where nothing began and nothing reported it, or after it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import RefusedTurn, Turn
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.fleet import MemoryFleet
from tests.fakes.freezes import MemoryFreezes
from tests.fakes.leases import MemoryLeases
from tests.fakes.registry import MemoryRegistry
from tests.support.rollout import CLUSTER, Machine


class NoLeases(MemoryLeases):
    """Leases that kill the caller that acquires one."""

    def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
        raise RuntimeError("killed")


class NoRegistry(MemoryRegistry):
    """A registry that kills the caller that writes the desired version."""

    def set_desired(self, cluster: Cluster, desired: Desired) -> None:
        raise RuntimeError("killed")


class NoTurns(MemoryFleet):
    """A fleet that takes no turns: a plan dies after it wrote the desired version."""

    def __init__(self, like: MemoryFleet) -> None:
        self.__dict__.update(like.__dict__)

    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
        raise RuntimeError("killed")


def lost(machine: Machine, version: str) -> Request:
    """Return a deployment that was planned, and whose execution ended before it had the lease."""
    machine.memory.clock.sleep(1)
    request = machine.request(version)
    with pytest.raises(RuntimeError):
        begin(replace(machine.context, leases=NoLeases()), request, request.deployment)
    assert machine.record(request.deployment).state is DeploymentState.QUEUED
    machine.memory.executions.rollouts[request.deployment] = {}
    return request


def converge(machine: Machine) -> Result:
    return converge_all(machine.context, "abcd", "schedule")[0]


def test_lost_plan_is_resumed_by_the_next_convergence(machine: Machine) -> None:
    request = lost(machine, "1.0.1")
    found = converge(machine)
    assert (found.kind, found.deployment) == ("RESUME", request.deployment)
    assert list(machine.memory.executions.rollouts)[-1] == f"{request.deployment}_2"
    machine.run_what_waited()
    assert machine.record(request.deployment).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.1"}


def test_plan_lost_twice_is_resumed_a_third_time(machine: Machine) -> None:
    request = lost(machine, "1.0.1")
    for execution in ("_2", "_3"):
        assert converge(machine).kind == "RESUME"
        machine.memory.executions.running.discard(f"{request.deployment}{execution}")
    assert f"{request.deployment}_3" in machine.memory.executions.rollouts


def test_lost_plan_with_a_running_successor_is_left_alone(machine: Machine) -> None:
    request = lost(machine, "1.0.1")
    converge(machine)
    converge(machine)
    assert f"{request.deployment}_3" not in machine.memory.executions.rollouts


def test_lost_plan_is_not_resumed_after_a_newer_deployment(machine: Machine) -> None:
    request = lost(machine, "1.0.1")
    newer = machine.deploy("1.0.2")
    assert machine.record(newer).state is DeploymentState.DONE
    assert converge(machine).kind == "CLOSE_ORPHANED"
    assert machine.record(request.deployment).state is DeploymentState.STALE
    assert set(machine.serving().values()) == {"1.0.2"}


def test_plan_stopped_by_hand_is_not_resumed(machine: Machine) -> None:
    request = lost(machine, "1.0.1")
    machine.memory.executions.stopped.add(request.deployment)
    assert converge(machine).kind == "CONVERGED"
    machine.memory.clock.sleep(16 * 60)
    assert converge(machine).kind == "CLOSE_ORPHANED"
    assert machine.record(request.deployment).state is DeploymentState.STALE


def test_old_lost_plan_is_not_resumed(machine: Machine) -> None:
    request = lost(machine, "1.0.1")
    machine.memory.clock.sleep(16 * 60)
    assert converge(machine).kind == "CLOSE_ORPHANED"
    assert machine.record(request.deployment).state is DeploymentState.STALE


def test_plan_killed_after_it_took_the_lease_is_resumed_at_once(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    killed = replace(machine.context, registry=NoRegistry((CLUSTER,)))
    with pytest.raises(RuntimeError):
        begin(killed, request, request.deployment)
    assert machine.memory.leases.current(CLUSTER).deployment == request.deployment
    machine.memory.executions.rollouts[request.deployment] = {}  # and it has ended
    found = converge_all(machine.context, "abcd", "schedule")[0]
    assert (found.kind, found.deployment) == ("RESUME", request.deployment)
    machine.run_what_waited()
    assert machine.record(request.deployment).state is DeploymentState.DONE


def test_refused_second_plan_restores_the_desired_version(machine: Machine) -> None:
    before = machine.memory.registry.desired(CLUSTER)
    assert before is not None
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    with pytest.raises(RuntimeError):  # killed after it wrote what is desired
        begin(replace(machine.context, fleet=NoTurns(machine.memory.fleet)), request, request.deployment)
    machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "it is bad")
    assert machine.begin(request).kind == "REFUSED"
    now = machine.memory.registry.desired(CLUSTER)
    assert now is not None
    assert (now.version, now.deployment) == (before.version, before.deployment)
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_refused_plan_leaves_a_version_that_it_did_not_write(machine: Machine) -> None:
    """Its call was lost after it took the lease, and a person set another version then."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    with pytest.raises(RuntimeError):
        begin(replace(machine.context, registry=NoRegistry((CLUSTER,))), request, request.deployment)
    by_hand = Desired("1.0.2", "d", 1, "by-hand")
    machine.memory.registry.set_desired(CLUSTER, by_hand)
    machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "it is bad")
    assert machine.begin(request).kind == "REFUSED"
    assert machine.memory.registry.desired(CLUSTER) == by_hand
    assert machine.memory.leases.current(CLUSTER).deployment == ""


def test_refusal_of_a_repeated_call_leaves_the_deployment_that_has_begun(machine: Machine) -> None:
    """Seed 1195 of the simulation: the first call seemed lost, and began while the second one read the records."""
    request = machine.request("1.0.1")

    class Slow(MemoryFreezes):
        def all(self) -> Sequence[Freeze]:
            if machine.memory.deployments.get(CLUSTER, request.deployment) is None:
                assert begin(machine.context, request, request.deployment).kind == "PLANNED"
            return [Freeze("production", "grace", "the fair", machine.now)]

    repeated = begin(replace(machine.context, freezes=Slow()), request, request.deployment)
    assert repeated.kind == "PLANNED"
    assert machine.memory.leases.current(CLUSTER).deployment == request.deployment
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.1"


def test_rollback_is_not_refused_for_a_passing_error_although_its_lease_was_lost(machine: Machine) -> None:
    """Seed 3130 of the simulation: a decided rollback must not be dropped."""
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    halted = machine.record(machine.deploy("1.0.1"))
    machine.stop_at = "ROLL_BACK"
    machine.decide(halted.id, Choice.ROLL_BACK, "host-2")
    hand_over(machine.context, CLUSTER, halted.id, "bad")
    rollback = machine.memory.deployments.recent(CLUSTER, 1)[0]
    request = rollback.request

    class Refuses(MemoryFreezes):
        def all(self) -> Sequence[Freeze]:
            raise StoreRefused("freezes.all: the store refused the call")

    machine.memory.leases.set_back(CLUSTER, None)
    with pytest.raises(StoreRefused):
        begin(replace(machine.context, freezes=Refuses()), request, request.deployment)
    assert not machine.record(request.deployment).state.final
