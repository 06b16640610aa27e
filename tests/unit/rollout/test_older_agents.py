"""A version with parts that an older agent ignores is not deployed to that agent's host."""

from dataclasses import replace

from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.host import Feature
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.service.manifest import ProcessCommand, Schedule
from tests.support.rollout import CLUSTER, Machine, manifest


def machine_with(*features: str) -> Machine:
    """Return a cluster that runs a version with processes; host-2 is the one that knows only these features."""
    machine = Machine()
    machine.publish(manifest("1.1.0", processes={"worker": ProcessCommand("./work")}))
    for host, report in machine.memory.fleet.reports(CLUSTER).items():
        known = features if host == "host-2" else tuple(Feature)
        machine.memory.fleet.write_report(CLUSTER, replace(report, features=known))
    return machine


def test_host_whose_agent_knows_no_processes_blocks_their_deployment() -> None:
    machine = machine_with()
    assert preview(machine.context, machine.request("1.1.0")).blockers == (
        "1.1.0 has [processes], which the agent of host-2 is too old to run: update it first",
    )


def test_version_without_processes_needs_no_newer_agent() -> None:
    machine = machine_with()
    assert preview(machine.context, machine.request("1.0.0")).blockers == ()


def test_newer_agents_may_know_features_that_this_version_does_not() -> None:
    machine = machine_with(*Feature, "teleport")
    assert preview(machine.context, machine.request("1.1.0")).blockers == ()


def test_rollback_to_such_a_version_is_only_warned_about() -> None:
    machine = machine_with()
    plan = preview(machine.context, machine.request("1.1.0", Kind.CONVERGE))
    assert not [why for why in plan.blockers if "processes" in why]
    assert any("too old to run: update it" in text for text in plan.warnings)


def test_host_whose_agent_knows_no_schedules_blocks_their_deployment() -> None:
    machine = machine_with(Feature.PROCESSES)
    machine.publish(manifest("1.2.0", schedules={"report": Schedule("./report", "0 3 * * *")}))
    assert preview(machine.context, machine.request("1.2.0")).blockers == (
        "1.2.0 has [schedules], which the agent of host-2 is too old to run: update it first",
    )
