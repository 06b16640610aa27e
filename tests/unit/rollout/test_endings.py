"""A deployment that is ended twice: a fault that the simulation found."""

from dataclasses import replace

from lifecycle.application.rollout.finish import finish
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.deployments import MemoryDeployments
from tests.support.rollout import CLUSTER, Machine, manifest


class EndedMeanwhile(MemoryAuditLog):
    """A slow audit log: before it stores its entry, another call ends the deployment and another one begins."""

    def __init__(self, machine: Machine) -> None:
        self.__dict__.update(machine.memory.audit_log.__dict__)
        self._machine: Machine | None = machine

    def append(self, entry: AuditEntry) -> None:
        machine, self._machine = self._machine, None
        if machine is not None:
            finish(machine.context, CLUSTER, entry.deployment, DeploymentState.ABORTED, "stopped by hand")
            machine.deploy("1.0.2")
        super().append(entry)


def test_late_end_does_not_undo_a_newer_deployment(machine: Machine) -> None:
    machine.publish(manifest("1.1.0", Policy(approval=ApprovalGate.BEFORE_FIRST_HOST)))
    name = machine.deploy("1.1.0")
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    slow = replace(machine.context, audit_log=EndedMeanwhile(machine))
    finish(slow, CLUSTER, name, DeploymentState.ABORTED, "stopped by hand")
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.2"


class RobbedMeanwhile(MemoryDeployments):
    """A slow store: once it has the version that is to be given back, the lease is lost and another one begins."""

    def __init__(self, machine: Machine) -> None:
        self.__dict__.update(machine.memory.deployments.__dict__)
        self._machine: Machine | None = machine

    def put(self, deployment: Deployment) -> bool:
        stored, machine = super().put(deployment), self._machine
        if machine is not None:
            self._machine = None
            machine.memory.leases.set_back(CLUSTER)
            machine.deploy("1.0.2")
        return stored


def test_end_whose_lease_is_lost_right_before_it_gives_nothing_back(machine: Machine) -> None:
    machine.publish(manifest("1.1.0", Policy(approval=ApprovalGate.BEFORE_FIRST_HOST)))
    name = machine.deploy("1.1.0")
    slow = replace(machine.context, deployments=RobbedMeanwhile(machine))
    finish(slow, CLUSTER, name, DeploymentState.ABORTED, "stopped by hand")
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.2"
    assert machine.record(name).state is DeploymentState.STALE
