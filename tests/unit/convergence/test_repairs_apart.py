"""A repair of hosts that are down waits for no host that serves and may not be taken out."""

from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import Policy
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine
from tests.unit.convergence.test_crash_loop import ends as report_end
from tests.unit.convergence.test_fallen_in_service import fail_checks


def ends(machine: Machine, host: str) -> None:
    report_end(machine, host)
    machine.memory.clock.sleep(1)
    machine.memory.clock.sleep(1)  # the load balancer finds that


def repair(machine: Machine) -> str:
    """Converge; run the repair, if one begins. Return why its plan was refused, or nothing."""
    if converge(machine, "supervision")[0] != "REPAIR":
        return ""
    execution, given = list(machine.memory.executions.rollouts.items())[-1]
    planned = machine.start(given)
    if planned.kind == "PLANNED":
        machine.run(given["deployment"])
    machine.memory.executions.running.discard(execution)
    return planned.reason if planned.kind == "REFUSED" else ""


def one_host_down_for_good() -> Machine:
    machine = Machine()
    machine.memory.clock.ticks.append(lambda: fail_checks(machine))
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.0"] = AgentStage.SELF_TESTING
    ends(machine, "host-1")
    repair(machine)
    assert set(machine.serving()) == {"host-2", "host-3", "host-4"}
    return machine


def watch(machine: Machine) -> None:
    refused: list[str] = []
    for _ in range(180):  # three hours
        refused += filter(None, [repair(machine)])
        if machine.report("host-3").running:
            return
        machine.memory.clock.sleep(60)
    message = f"host-3 is down for three hours; {len(refused)} repairs were refused: {refused[-1]}"
    raise AssertionError(message)


def test_service_that_ends_is_repaired_though_another_host_waits_to_move() -> None:
    machine = one_host_down_for_good()
    machine.host("host-2").port = 9090  # its agent is set to another port; it serves at the old one
    machine.memory.clock.sleep(31)
    ends(machine, "host-3")
    watch(machine)


def test_service_that_ends_is_repaired_though_another_host_serves_an_older_version() -> None:
    """host-2 was quarantined during the last deployment; the quarantine is lifted, and it serves on."""
    machine = Machine()
    machine.memory.clock.ticks.append(lambda: fail_checks(machine))
    machine.deploy("1.0.0")
    machine.memory.fleet.quarantine_host(CLUSTER, "host-2", "its disk fails")
    machine.deploy("1.0.1")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    ends(machine, "host-1")
    repair(machine)
    machine.memory.fleet.lift_quarantine(CLUSTER, "host-2")
    ends(machine, "host-3")
    watch(machine)


def test_repair_of_two_serving_hosts_moves_one_after_another_while_a_third_is_down() -> None:
    machine = Machine(policy=Policy(max_unavailable=2, min_alive_seconds=0))
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.0"] = AgentStage.SELF_TESTING
    ends(machine, "host-1")
    assert converge(machine)[0] == "REPAIR"
    machine.run_what_waited()
    for each in ("host-2", "host-3"):
        machine.host(each).port = 9090
    machine.memory.clock.sleep(31)
    assert converge(machine)[0] == "REPAIR"
    record = machine.record(machine.run_what_waited())
    assert record.state is DeploymentState.DONE, record.reason
