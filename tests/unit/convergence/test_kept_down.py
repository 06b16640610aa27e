"""A host whose service ends while a deployment waits: people are notified, because nothing repairs it meanwhile."""

import pytest

from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.converging import converge
from tests.support.rollout import Machine
from tests.unit.convergence.test_crash_loop import ends


def halted() -> tuple[Machine, str]:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    return machine, machine.deploy("1.0.1")


def found(machine: Machine) -> list[AuditEntry]:
    return [each for each in machine.memory.audit_log.entries if each.kind is AuditKind.HOST_DOWN]


def test_host_that_falls_while_a_deployment_is_halted_is_reported_once_after_a_minute() -> None:
    machine, name = halted()
    machine.memory.executions.start_rollout(name, {})
    assert machine.record(name).state is DeploymentState.HALTED
    ends(machine, "host-3", "SIGKILL")
    machine.memory.clock.sleep(30)
    converge(machine, "supervision")
    assert found(machine) == []
    machine.memory.clock.sleep(31)
    for _ in range(3):
        assert converge(machine, "supervision")[0] == "HOLD"
        machine.memory.clock.sleep(600)
    (entry,) = found(machine)
    assert (entry.host, entry.what) == ("host-3", f"found host-3 down while {name} has the cluster")
    assert entry.why.startswith("its service ended with SIGKILL. No repair begins before that deployment (HALTED)")
    assert entry.why.endswith("has ended: answer it, or end it\nno such table")

    machine.decide(name, Choice.ABORT, "host-1")
    machine.memory.executions.running.discard(name)
    assert converge(machine, "supervision")[0] == "REPAIR"


@pytest.mark.parametrize("host", ["host-1"])
def test_host_that_the_deployment_asks_about_is_not_reported(host: str) -> None:
    machine, name = halted()
    machine.memory.executions.start_rollout(name, {})
    ends(machine, host)
    machine.memory.clock.sleep(600)
    assert converge(machine, "supervision")[0] == "HOLD"
    assert found(machine) == []


def test_quarantined_host_is_not_reported() -> None:
    machine, name = halted()
    machine.memory.executions.start_rollout(name, {})
    machine.memory.fleet.quarantine_host(machine.record(name).cluster, "host-3", "its disk fails")
    ends(machine, "host-3")
    machine.memory.clock.sleep(600)
    converge(machine, "supervision")
    assert found(machine) == []
