"""Calls that read a deployment's record before its plan took the lease, and write it afterwards, change nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.plan import begin
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from tests.fakes.deployments import MemoryDeployments
from tests.support.rollout import CLUSTER, Machine


class Meanwhile(MemoryDeployments):
    """Deployments where something else happens just before the first write that `late` names."""

    def __init__(self, machine: Machine, late: Callable[[Deployment], bool], happens: Callable[[], object]) -> None:
        self.__dict__.update(machine.memory.deployments.__dict__)
        self._late, self._happens, self.refused = late, happens, list[Deployment]()

    def put(self, deployment: Deployment) -> bool:
        if self._late(deployment) and not self.refused:
            self.refused.append(deployment)
            self._happens()
            assert not super().put(deployment)
            return False
        return super().put(deployment)


def lost_once_it_had_the_lease(machine: Machine) -> Request:
    """Return a deployment whose plan was killed with the lease and without an epoch in its record."""
    request = machine.request("1.0.1")

    class Killed(MemoryDeployments):
        def put(self, deployment: Deployment) -> bool:
            if deployment.claimed:
                raise RuntimeError("killed")
            return super().put(deployment)

    killed = Killed()
    killed.__dict__.update(machine.memory.deployments.__dict__)
    with pytest.raises(RuntimeError, match="killed"):
        begin(replace(machine.context, deployments=killed), request, request.deployment)
    assert machine.memory.leases.current(CLUSTER).deployment == request.deployment
    assert machine.record(request.deployment).epoch == 0
    return request


def test_convergence_that_read_the_record_before_its_plan_ended_resumes_nothing(machine: Machine) -> None:
    request = lost_once_it_had_the_lease(machine)
    late = Meanwhile(machine, lambda each: each.resumptions.count > 0, lambda: machine.begin(request))
    started = list(machine.memory.executions.rollouts)
    machine.memory.clock.sleep(600)
    assert converge_all(replace(machine.context, deployments=late), "abcd", "schedule")[0].kind == "RESUME"
    assert len(late.refused) == 1
    assert machine.record(request.deployment).epoch == machine.memory.leases.current(CLUSTER).epoch > 0
    assert list(machine.memory.executions.rollouts) == started
    assert machine.run(request.deployment).outcome == "DONE"


def test_second_call_of_a_plan_goes_on_with_what_the_first_has_begun(machine: Machine) -> None:
    request = machine.request("1.0.1")
    late = Meanwhile(machine, lambda each: each.reason == "is about to begin", lambda: machine.begin(request))
    planned = begin(replace(machine.context, deployments=late), request, request.deployment)
    assert (len(late.refused), planned.kind) == (1, "PLANNED")
    assert machine.record(request.deployment).epoch == planned.epoch == machine.memory.leases.current(CLUSTER).epoch
    assert machine.run(request.deployment).outcome == "DONE"


@pytest.mark.parametrize("writes", ["intended", "planned"])
def test_call_of_a_plan_goes_on_under_the_higher_epoch_of_another(machine: Machine, writes: str) -> None:
    """The lease is lost under one call, and another call of the same execution takes it again."""
    request = machine.request("1.0.1")

    def late(each: Deployment) -> bool:
        return each.epoch == 2 if writes == "planned" else bool(each.known_writes.intended)

    def lost_and_taken_again() -> None:
        machine.memory.leases.set_back(CLUSTER, None)
        held = machine.record(request.deployment)
        machine.memory.deployments.put(replace(held, epoch=3, state=DeploymentState.RUNNING))
        machine.memory.leases.acquire(CLUSTER, request.deployment, machine.now, 2)

    found = Meanwhile(machine, late, lost_and_taken_again)
    planned = begin(replace(machine.context, deployments=found), request, request.deployment)
    assert (len(found.refused), planned.kind, planned.epoch) == (1, "PLANNED", 3)
    assert machine.run(request.deployment).outcome == "DONE"


def test_late_refusal_of_a_pending_deployment_that_has_begun_ends_nothing(machine: Machine) -> None:
    """Only its record says that it has begun; the slot of the queue was not cleared yet."""
    request = machine.request("1.0.1")
    assert machine.begin(request).kind == "PLANNED"
    begun = machine.record(request.deployment)
    queued = replace(begun, epoch=0, state=DeploymentState.QUEUED)
    assert not machine.memory.deployments.put(replace(queued, state=DeploymentState.SUPERSEDED))
    assert machine.record(request.deployment) == begun
