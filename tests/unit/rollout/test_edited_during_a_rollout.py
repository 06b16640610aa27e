"""The desired version edited by hand, with a higher epoch, while a deployment runs whose execution is lost.

No store was set back: the deployment goes on with the version that was approved. What a person wrote is named, with
the ways out, and nothing brings it to a host.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from tests.support.rollout import CLUSTER, Machine

EPOCH = 40


def edited(**changes: object) -> Callable[[Desired], Desired]:
    return lambda desired: replace(desired, epoch=EPOCH, **changes)  # type: ignore[arg-type]


EDITS = {
    "the epoch alone": edited(),
    "another version": edited(version="1.0.2", digest="e" * 64),
    "the version of before": edited(version="1.0.0", digest="e" * 64),
    "without a deployment": edited(deployment=""),
    "by a name of a person": edited(deployment="ada"),
    "an epoch that nobody can exceed": lambda desired: replace(desired, epoch=10**12, version="1.0.2"),
}


@pytest.fixture(params=list(EDITS.values()), ids=list(EDITS))
def lost(machine: Machine, request: pytest.FixtureRequest) -> Deployment:
    """Return a deployment of 1.0.1 with one host done, whose execution is lost, and whose version was edited."""
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    assert machine.stopped is not None
    machine.update(name, str(machine.stopped.hosts[0]["host"]), 1)
    machine.stop_at, machine.passes[name] = "", machine.passes[name] + 1
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    machine.memory.registry.set_desired(CLUSTER, request.param(desired))
    machine.memory.executions.rollouts[name] = {}
    return machine.record(name)


def converged(machine: Machine) -> Result:
    return converge_all(machine.context, "abcd", "schedule")[0]


def found_by_hand(machine: Machine) -> list[str]:
    entries = machine.memory.audit_log.read(CLUSTER)
    return [each.why for each in entries if each.what == "found the desired version changed by hand"]


def test_resumed_deployment_goes_on_and_the_edit_is_held(machine: Machine, lost: Deployment) -> None:
    before = machine.memory.registry.desired(CLUSTER)
    resumed = begin(machine.context, lost.request, f"{lost.id}_2")
    assert (resumed.kind, "desired is nobody's" in resumed.reason) == ("PLANNED", True), resumed.reason
    (named,) = found_by_hand(machine)
    assert "lifecycle deploy hello" in named
    assert machine.run(lost.id).outcome == "DONE"
    assert set(machine.serving().values()) == {"1.0.1"}
    assert machine.memory.registry.desired(CLUSTER) == before
    held = converged(machine)
    assert held.kind == "HOLD"
    assert "desired is nobody's" in held.reason
    assert "lifecycle deploy hello" in held.reason
    again = machine.deploy("1.0.2")
    assert machine.record(again).state is DeploymentState.DONE
    assert converged(machine).kind == "CONVERGED"


def test_convergence_resumes_the_deployment(machine: Machine, lost: Deployment) -> None:
    machine.memory.clock.sleep(3600)
    assert converged(machine).kind == "RESUME"
    assert machine.record(lost.id).state is DeploymentState.RUNNING


def test_rollback_takes_over_despite_the_edit(machine: Machine, lost: Deployment) -> None:
    handed = hand_over(machine.context, CLUSTER, lost.id, "slow")
    rollback = str(handed.input["deployment"])
    assert machine.begin(replace(machine.request("1.0.0"), deployment=rollback)).kind == "PLANNED"
    assert machine.run(rollback).outcome == "DONE"
    assert set(machine.serving().values()) == {"1.0.0"}
