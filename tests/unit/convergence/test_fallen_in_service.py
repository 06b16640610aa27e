"""A service that ends in a cluster whose desired version is not known to be good: it is started again as it was."""

from dataclasses import replace

import pytest

from lifecycle.domain.convergence.fallen_in_service import fallen_in_service
from lifecycle.domain.fleet.host import AgentStage, ServiceEnd
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.policy import Policy
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine
from tests.unit.convergence.test_crash_loop import ends as report_end


def fail_checks(machine: Machine) -> None:
    """Let the load balancer find every service that does not run."""
    down = {host.address for host in machine.hosts if not machine.report(host.name).running}
    machine.memory.dispatcher.dead.clear()
    machine.memory.dispatcher.dead.update(down)


def ends(machine: Machine, host: str) -> None:
    """Let the service of a host end, and the load balancer find that."""
    report_end(machine, host)
    machine.memory.clock.sleep(1)
    machine.memory.clock.sleep(1)


@pytest.fixture
def aborted() -> Machine:
    """A cluster with 1.0.1 on host-2, host-1 out of rotation, and 1.0.0 on the others."""
    machine = Machine()
    machine.memory.clock.ticks.append(lambda: fail_checks(machine))
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ABORT, "host-1")
    assert machine.installed() == {"host-1": "1.0.0", "host-2": "1.0.1", "host-3": "1.0.0", "host-4": "1.0.0"}
    assert machine.record(name).state is DeploymentState.ABORTED
    return machine


@pytest.mark.parametrize(("host", "version"), [("host-2", "1.0.1"), ("host-3", "1.0.0")])
def test_service_that_ends_after_an_abort_is_started_again_with_its_own_version(
    aborted: Machine, host: str, version: str
) -> None:
    desired = aborted.context.registry.desired(CLUSTER)
    ends(aborted, host)
    kind, reason = converge(aborted)
    assert (kind, reason) == (
        "REPAIR",
        f"{version} is started again: {host} runs nothing: its service ended with exit code 3",
    )
    name = aborted.run_what_waited()
    assert aborted.record(name).state is DeploymentState.DONE
    assert aborted.report(host).installed == version
    assert aborted.report(host).running
    assert aborted.context.registry.desired(CLUSTER) == desired
    assert converge(aborted)[0] == "HOLD"


def test_services_of_both_versions_are_started_again_in_turn(aborted: Machine) -> None:
    before = aborted.installed()
    ends(aborted, "host-2")
    ends(aborted, "host-4")
    for _ in range(2):
        assert converge(aborted)[0] == "REPAIR"
        aborted.run_what_waited()
    assert aborted.installed() == before
    assert all(aborted.report(each).running for each in ("host-2", "host-3", "host-4"))


def test_host_whose_attempt_failed_is_not_started_again(aborted: Machine) -> None:
    """It is out of rotation, and an abort never retries by itself."""
    ends(aborted, "host-1")
    assert converge(aborted)[0] == "HOLD"


def test_repair_that_fails_is_tried_again_after_a_pause(aborted: Machine) -> None:
    ends(aborted, "host-3")
    aborted.host("host-3").breaks["1.0.0"] = AgentStage.SELF_TESTING
    assert converge(aborted)[0] == "REPAIR"
    aborted.run_what_waited()
    assert converge(aborted)[0] == "HOLD"
    aborted.host("host-3").breaks.clear()
    aborted.memory.clock.sleep(400)
    assert converge(aborted)[0] == "REPAIR"
    aborted.run_what_waited()
    assert aborted.report("host-3").running


def test_host_that_was_given_another_version_since_keeps_it(aborted: Machine) -> None:
    ends(aborted, "host-2")
    aborted.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    assert converge(aborted)[0] == "REPAIR"
    aborted.run_what_waited()
    lost = replace(aborted.report("host-2"), installed="", digest="", boot="", running=False, self_test=None)
    aborted.memory.fleet.write_report(CLUSTER, lost)  # its disk is new
    aborted.memory.clock.sleep(400)
    kind, reason = converge(aborted)
    assert (kind, "1.0.0 was verified last: host-2 joined" in reason) == ("REPAIR", True)
    aborted.run_what_waited()
    assert aborted.serving()["host-2"] == "1.0.0"
    aborted.memory.clock.sleep(400)
    assert converge(aborted)[0] == "HOLD"


def test_service_ends_while_a_person_has_edited_the_desired_version(aborted: Machine) -> None:
    desired = aborted.context.registry.desired(CLUSTER)
    assert desired is not None
    edited = replace(desired, version="1.0.2")
    aborted.context.registry.set_desired(CLUSTER, edited)
    ends(aborted, "host-3")
    assert converge(aborted)[0] == "REPAIR"
    aborted.run_what_waited()
    assert aborted.installed()["host-3"] == "1.0.0"
    assert aborted.report("host-3").running
    assert aborted.context.registry.desired(CLUSTER) == edited


def test_repair_that_was_stopped_keeps_no_other_host_from_its_own() -> None:
    machine = Machine()
    machine.memory.clock.ticks.append(lambda: fail_checks(machine))
    machine.deploy("1.0.0")
    ends(machine, "host-1")
    assert converge(machine)[0] == "REPAIR"
    execution = next(reversed(machine.memory.executions.rollouts))
    begun = machine.begin(machine.request("1.0.0", Kind.CONVERGE, deployment=execution, only=("host-1",)))
    assert begun.kind == "PLANNED"
    machine.memory.executions.running.discard(execution)
    machine.memory.executions.stopped.add(execution)
    assert converge(machine)[0] == "ABORTED"
    assert converge(machine)[0] == "HOLD"

    ends(machine, "host-3")
    kind, reason = converge(machine)
    assert (kind, "host-3" in reason, "host-1" in reason) == ("REPAIR", True, False)
    machine.run_what_waited()
    assert machine.report("host-3").running
    assert converge(machine)[0] == "HOLD"  # an abort is not retried by itself
    assert not machine.report("host-1").running


def test_service_of_a_quarantined_version_stays_down(aborted: Machine) -> None:
    aborted.memory.fleet.quarantine(CLUSTER, "1.0.1", "known to be bad")
    ends(aborted, "host-2")
    assert converge(aborted)[0] == "HOLD"


def test_version_that_was_deleted_keeps_no_other_one_down(aborted: Machine) -> None:
    ends(aborted, "host-2")
    ends(aborted, "host-3")
    aborted.memory.artifacts.delete(CLUSTER.service, "1.0.1")
    kind, reason = converge(aborted)
    assert (kind, "host-3" in reason, "host-2" in reason) == ("REPAIR", True, False)
    aborted.run_what_waited()
    assert aborted.report("host-3").running
    kind, reason = converge(aborted)
    assert (kind, "No repair can begin: publish 1.0.1 again" in reason) == ("HOLD", True)


@pytest.mark.parametrize("claimed", ["1.0.2", "1.0.1"], ids=["never deployed here", "aborted before this host"])
def test_version_that_a_report_claims_is_not_brought_to_its_host(aborted: Machine, claimed: str) -> None:
    """A host may write each report of its cluster: what it claims passed no gate, and only the ledger counts."""
    made = aborted.context.artifacts.stored_manifest("hello", claimed)
    end = ServiceEnd(aborted.now, "exit code 1", "boot")
    for host in ("host-3", "host-4"):
        said = replace(aborted.report(host), running=False, boot="", self_test=None, ended=end)
        said = replace(said, installed=claimed, digest=made.manifest.digest, manifest=made.sha256)
        aborted.memory.fleet.write_report(CLUSTER, replace(said, seen_at=aborted.now))
    assert converge(aborted)[0] != "REPAIR"


def test_repair_that_comes_late_brings_no_older_version_back(aborted: Machine) -> None:
    ends(aborted, "host-2")
    late = aborted.request("1.0.1", Kind.CONVERGE, only=("host-2",))
    aborted.deploy("1.0.2")
    refused = aborted.begin(late)
    assert (refused.kind, "this repair is out of date" in refused.reason) == ("REFUSED", True)
    assert aborted.report("host-2").installed == "1.0.2"


def test_host_that_a_later_repair_brought_back_is_not_repaired_for_an_outage(aborted: Machine) -> None:
    ends(aborted, "host-3")
    aborted.host("host-3").breaks["1.0.0"] = AgentStage.SELF_TESTING
    for seconds in (1, 400):
        aborted.memory.clock.sleep(seconds)
        assert converge(aborted)[0] == "REPAIR"
        aborted.run_what_waited()
        aborted.host("host-3").breaks.clear()
    reports, recent = aborted.memory.fleet.reports(CLUSTER), aborted.memory.deployments.recent(CLUSTER, 50)
    assert sum(each.is_failed_repair for each in recent) == 1
    unhealthy = dict.fromkeys(reports, TargetState.UNHEALTHY)
    assert fallen_in_service(reports, unhealthy, recent, {}, dict.fromkeys(reports, recent[-1].target)) is None


def boots_elsewhere(machine: Machine, name: str) -> None:
    """Let a host boot with another address, so that it is registered nowhere."""
    host, report = machine.host(name), machine.report(name)
    host.address = host.address.replace("127.0", "127.1")
    end = ServiceEnd(machine.now, "", report.boot, booted=True)
    booted = replace(report, address=host.address, running=False, boot="", ended=end)
    machine.memory.fleet.write_report(CLUSTER, booted)


@pytest.mark.parametrize(("host", "version"), [("host-2", "1.0.1"), ("host-3", "1.0.0")])
def test_host_that_boots_with_another_address_after_an_abort_is_started_again(
    aborted: Machine, host: str, version: str
) -> None:
    boots_elsewhere(aborted, host)
    assert converge(aborted)[0] == "REPAIR"
    aborted.run_what_waited()
    address = aborted.host(host).address
    assert aborted.report(host).installed == version
    assert aborted.memory.dispatcher.target(CLUSTER, address) is TargetState.HEALTHY


def test_host_that_an_attempt_left_out_stays_out_when_it_boots_after_an_abort(aborted: Machine) -> None:
    boots_elsewhere(aborted, "host-1")
    assert converge(aborted)[0] == "HOLD"


def test_host_that_an_earlier_deployment_left_out_stays_out_after_a_second_abort(aborted: Machine) -> None:
    aborted.host("host-2").breaks["1.0.2"] = AgentStage.SELF_TESTING
    aborted.host("host-1").breaks["1.0.2"] = AgentStage.INSTALLING
    name = aborted.deploy("1.0.2")
    question = aborted.record(name)
    assert question.state is DeploymentState.HALTED
    failed = next(each for each in aborted.context.deployments.attempts(name) if each.reason)
    aborted.decide(name, Choice.ABORT, failed.host)
    boots_elsewhere(aborted, "host-1")
    assert converge(aborted)[0] == "HOLD"


def test_host_that_a_human_skipped_stays_out_when_it_boots_after_an_abort() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.host("host-3").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(name, Choice.SKIP_HOST, "host-1")
    machine.decide(name, Choice.ABORT, "host-3")
    assert machine.record(name).state is DeploymentState.ABORTED
    boots_elsewhere(machine, "host-1")
    assert converge(machine)[0] == "HOLD"


def test_service_of_an_older_agent_that_does_not_say_that_it_ended_is_started_again(aborted: Machine) -> None:
    ends(aborted, "host-3")
    aborted.memory.fleet.write_report(CLUSTER, replace(aborted.report("host-3"), ended=None))
    assert converge(aborted)[0] == "REPAIR"
    aborted.run_what_waited()
    assert aborted.report("host-3").running


def test_host_that_a_stopped_repair_had_brought_back_is_repaired_when_it_ends_again() -> None:
    machine = Machine(policy=Policy(max_unavailable=2, min_alive_seconds=0))
    machine.deploy("1.0.0")
    ends(machine, "host-1")
    ends(machine, "host-3")
    assert converge(machine)[0] == "REPAIR"
    execution, given = list(machine.memory.executions.rollouts.items())[-1]
    assert machine.start(given).kind == "PLANNED"
    machine.memory.dispatcher.dead.discard(machine.host("host-1").address)
    assert machine.update(given["deployment"], "host-1", 1) == ["PASSED"] * 5
    machine.memory.executions.running.discard(execution)
    machine.memory.executions.stopped.add(execution)
    assert converge(machine)[0] == "ABORTED"
    machine.memory.clock.sleep(3600)
    assert "host-1" in machine.serving()

    ends(machine, "host-1")
    kind, reason = converge(machine)
    assert (kind, "host-1" in reason) == ("REPAIR", True), reason


def test_failed_repair_from_before_a_deployment_whose_record_was_deleted_does_not_count() -> None:
    machine = Machine()
    machine.memory.clock.ticks.append(lambda: fail_checks(machine))
    machine.deploy("1.0.0")
    ends(machine, "host-3")
    machine.host("host-3").breaks["1.0.0"] = AgentStage.SELF_TESTING
    assert converge(machine)[0] == "REPAIR"
    failed = machine.run_what_waited()
    assert machine.record(failed).failed_host == "host-3"
    machine.host("host-3").breaks.clear()
    name = machine.deploy("1.0.1")
    del machine.memory.deployments._deployments[(CLUSTER, name)]
    machine.memory.clock.sleep(8000)  # the pauses between repairs are over
    ends(machine, "host-3")
    kind, reason = converge(machine)
    assert (kind, "1.0.0 is started again" in reason) == ("HOLD", False)
