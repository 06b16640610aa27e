"""A damaged record keeps no service down: not an audit entry, nor the desired version (invariant 28)."""

from typing import Any

from lifecycle.domain.errors import UnreadableRecord
from lifecycle.gateways.aws.table import whole
from tests.support.converging import converge
from tests.support.rollout import Machine
from tests.unit.convergence.test_crash_loop import ends as report_end

DAMAGED = UnreadableRecord("an audit entry", "TRAIL#production/hello", "expected a record", "null")


def ends(machine: Machine, host: str) -> None:
    report_end(machine, host)
    machine.memory.dispatcher.dead.add(machine.host(host).address)
    machine.memory.clock.sleep(1)


def repair(machine: Machine) -> tuple[str, str]:
    found = converge(machine, "supervision")
    if found[0] == "REPAIR":
        machine.memory.dispatcher.dead.clear()
        machine.run_what_waited()
    return found


def test_damaged_audit_entry_keeps_no_service_down() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    for _ in range(2):
        ends(machine, "host-2")
        machine.memory.clock.sleep(61)
        assert repair(machine)[0] == "REPAIR"
    read = machine.memory.audit_log.read

    def damaged(*args: Any, **named: Any) -> Any:
        return whole(read(*args, **named), [DAMAGED])  # as gateways/aws/audit.py reads it

    machine.memory.audit_log.read = damaged  # type: ignore[method-assign]
    ends(machine, "host-2")
    ends(machine, "host-3")  # innocent, and down as well
    found = []
    for _ in range(8):
        found.append(repair(machine))
        machine.memory.clock.sleep(900)
    assert {"host-2", "host-3"} <= set(machine.serving()), found[-1]


def test_unreadable_desired_version_keeps_no_service_down_without_a_word() -> None:
    machine = Machine()
    machine.deploy("1.0.0")

    def unreadable(_: object) -> Any:
        raise UnreadableRecord("a parameter", "/lifecycle/production/hello/desired", "expected JSON", "{")

    machine.memory.registry.desired = unreadable  # type: ignore[assignment, method-assign]
    before = len(machine.memory.audit_log.entries)
    ends(machine, "host-2")
    for _ in range(8):
        found = repair(machine)
        machine.memory.clock.sleep(900)
    recorded = [each.what for each in machine.memory.audit_log.entries[before:]]
    assert machine.report("host-2").running or recorded, found
