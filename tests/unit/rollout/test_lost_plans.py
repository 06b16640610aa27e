"""A plan that was killed between its record and its lease: nothing began, and nothing reported it."""

from dataclasses import replace
from datetime import datetime

import pytest

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.application.rollout.plan import begin
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import DeploymentState, Request
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.leases import MemoryLeases
from tests.support.rollout import Machine


class NoLeases(MemoryLeases):
    """Leases that kill the caller that acquires one."""

    def acquire(self, cluster: Cluster, deployment: str, now: datetime) -> Lease:
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
