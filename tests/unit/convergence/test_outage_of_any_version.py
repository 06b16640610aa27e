"""A shared outage is noticed and over whatever versions the hosts have, and whatever is desired."""

from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.rollout.decision import Choice
from tests.support.converging import converge
from tests.support.rollout import Machine


def reported(machine: Machine) -> list[tuple[AuditKind, str]]:
    kinds = (AuditKind.OUTAGE, AuditKind.OUTAGE_OVER)
    return [(each.kind, each.what) for each in machine.memory.audit_log.entries if each.kind in kinds]


def test_outage_is_not_over_because_a_fix_begins() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.dispatcher.dead |= {host.address for host in machine.hosts}
    machine.memory.clock.sleep(1)
    assert converge(machine)[0] == "HOLD"
    request = machine.request("1.0.1")
    machine.memory.executions.start_rollout(request.deployment, {})
    assert machine.begin(request).kind == "PLANNED"
    converge(machine)
    assert not machine.serving()
    assert AuditKind.OUTAGE_OVER not in [kind for kind, _ in reported(machine)]


def test_outage_of_hosts_with_two_versions_is_reported() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ABORT, "host-1")
    assert machine.installed() == {"host-1": "1.0.0", "host-2": "1.0.1", "host-3": "1.0.0", "host-4": "1.0.0"}
    for each in ("host-3", "host-4"):
        machine.memory.dispatcher.dead.add(machine.host(each).address)
    machine.memory.clock.sleep(1)
    converge(machine)
    assert reported(machine) == [(AuditKind.OUTAGE, "found host-3, host-4 unhealthy together")]
