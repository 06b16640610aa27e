"""Quarantines make no cluster too small for its test bed: a deployment waits, and one that began ends."""

from lifecycle.application.rollout.plan import preview
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from tests.support.rollout import CLUSTER, Machine

AWAY = "its test bed takes 3 hosts, and 2 of 4 are quarantined: lift a quarantine (lifecycle unquarantine)"


def quarantine(machine: Machine, *hosts: str) -> None:
    for host in hosts:
        machine.memory.fleet.quarantine_host(CLUSTER, host, "it looks odd")


def test_deployment_is_refused_while_quarantines_leave_too_few_hosts(machine: Machine) -> None:
    quarantine(machine, "host-3", "host-4")
    found = preview(machine.context, machine.request("1.0.1"))
    assert [each for each in found.blockers if AWAY in each]
    assert machine.begin(machine.request("1.0.1")).kind == "REFUSED"
    assert set(machine.installed().values()) == {"1.0.0"}


def test_rollback_and_repair_begin_all_the_same(machine: Machine) -> None:
    quarantine(machine, "host-3", "host-4")
    for kind in (Kind.ROLLBACK, Kind.CONVERGE):
        assert not [
            each for each in preview(machine.context, machine.request("1.0.0", kind)).blockers if AWAY in each
        ]


def test_one_quarantine_leaves_enough(machine: Machine) -> None:
    quarantine(machine, "host-4")
    machine.stop_at = "BAKE"
    name = machine.deploy("1.0.1")
    assert len(machine.memory.deployments.beds(name)) == 1


def test_quarantines_between_the_plan_and_the_test_bed_end_the_deployment(machine: Machine) -> None:
    request = machine.request("1.0.1")
    machine.begin(request)
    quarantine(machine, "host-3", "host-4")
    machine.run(request.deployment)
    record = machine.record(request.deployment)
    assert (record.state, AWAY in record.reason) == (DeploymentState.ABORTED, True), record.reason
    assert set(machine.installed().values()) == {"1.0.0"}


def test_quarantines_after_the_first_host_bring_the_others_no_version_that_did_not_bake(machine: Machine) -> None:
    def as_soon_as_one_has_it() -> None:
        if "1.0.1" in machine.installed().values() and not machine.memory.deployments.beds(name):
            quarantine(machine, "host-3", "host-4")

    request = machine.request("1.0.1")
    name = request.deployment
    machine.memory.clock.ticks.append(as_soon_as_one_has_it)
    machine.begin(request)
    machine.run(name)
    assert (machine.record(name).state, machine.memory.deployments.beds(name)) == (DeploymentState.ABORTED, [])
    assert list(machine.installed().values()).count("1.0.1") == 1
