"""Rollouts of a service without HTTP: rotation is in the ledger, and health comes from the hosts' reports."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.host import AgentStage, ServiceEnd
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER, WITHOUT_HTTP, Machine, manifest

# The plan takes turns between the zones.
FIRST = "host-2"


@pytest.fixture
def machine() -> Machine:
    made = Machine(http=False)
    made.deploy("1.0.0")
    return made


def states(machine: Machine) -> dict[str, TargetState]:
    found = machine.context.dispatcher.targets(CLUSTER)
    return {host.name: found.get(host.address, TargetState.ABSENT) for host in machine.hosts}


def dies(machine: Machine, host: str, how: str = "SIGKILL") -> None:
    report = machine.report(host)
    end = ServiceEnd(machine.now, how, report.boot, log_tail="Traceback: no queue")
    machine.memory.fleet.write_report(CLUSTER, replace(report, running=False, boot="", ended=end))


def repaired(machine: Machine) -> str:
    """Let convergence repair the cluster; return the kind of its result."""
    (found,) = converge_all(machine.context, "f00d", "supervision")
    if found.kind == "REPAIR":
        machine.run_what_waited()
    return found.kind


def test_update_takes_every_host_out_and_back_one_at_a_time(machine: Machine) -> None:
    machine.rotations.clear()
    name = machine.deploy("1.0.1")

    assert machine.record(name).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.1"}
    assert len(machine.serving()) == 4
    healthy = [sum(state is TargetState.HEALTHY for state in each.values()) for each in machine.rotations]
    assert min(healthy) == 3
    assert not machine.memory.dispatcher.states  # no load balancer was asked


def test_failed_self_test_halts_with_the_host_out_of_rotation_and_nothing_running(machine: Machine) -> None:
    for host in machine.hosts:
        host.breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")

    assert machine.record(name).state is DeploymentState.HALTED
    assert states(machine)[FIRST] is TargetState.ABSENT
    assert sorted(machine.installed().values()) == ["1.0.0"] * 4  # the diagnosis restored the version before
    question = machine.memory.deployments.questions(name)[-1]
    assert "the new version is to blame" in question.diagnosis


def test_rollback_brings_back_the_version_before(machine: Machine) -> None:
    machine.deploy("1.0.1")
    name = machine.deploy("1.0.0", Kind.ROLLBACK, rollback_of=machine.memory.deployments.recent(CLUSTER, 1)[0].id)

    assert machine.record(name).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.0"}


def test_worker_that_dies_does_not_count_and_a_repair_starts_it_again(machine: Machine) -> None:
    before = machine.report("host-3").boot
    dies(machine, "host-3")
    assert states(machine)["host-3"] is TargetState.NOT_WORKING

    assert repaired(machine) == "REPAIR"
    assert states(machine) == {host.name: TargetState.HEALTHY for host in machine.hosts}
    assert machine.report("host-3").boot != before


def test_worker_that_dies_right_after_its_update_halts_the_rollout_with_its_log() -> None:
    machine = Machine(policy=Policy(min_alive_seconds=10), http=False)
    machine.deploy("1.0.0")
    began = machine.now

    def die() -> None:
        report = machine.report(FIRST)
        if report.installed == "1.0.1" and report.running and machine.now > began + timedelta(seconds=3):
            dies(machine, FIRST, "exit code 7")

    machine.memory.clock.ticks.append(die)
    name = machine.deploy("1.0.1")

    question = machine.memory.deployments.questions(name)[-1]
    assert machine.record(name).state is DeploymentState.HALTED
    assert "exit code 7" in question.reason
    assert "load balancer" not in question.reason
    assert "no queue" in question.evidence


def test_host_with_an_unreachable_agent_is_not_counted_as_working(machine: Machine) -> None:
    machine.host("host-4").silent = True
    machine.memory.clock.sleep(60)

    assert states(machine)["host-4"] is TargetState.UNKNOWN
    found = machine.context.dispatcher.check_failure(CLUSTER, machine.host("host-4").address, Group.MAIN)
    assert found.startswith("its agent is unreachable since")


def test_no_drain_leaves_too_few_workers(machine: Machine) -> None:
    dies(machine, "host-4")
    machine.memory.clock.sleep(1)
    found = preview(machine.context, machine.request("1.0.1", only=("host-1",)))

    assert "at least 3 must serve (host-4 is not-working)" in " ".join(found.blockers)


def test_plan_says_what_alive_means(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    checks = " ".join(preview(machine.context, machine.request("1.0.1")).checks)
    assert "run './check.sh' before the service starts" in checks
    assert "its process runs" in checks
    assert "load balancer" not in checks


def test_version_with_http_is_refused_where_there_is_no_load_balancer(machine: Machine) -> None:
    machine.publish(manifest("2.0.0"))
    assert _refused(machine, "2.0.0") == (
        "2.0.0 serves HTTP, but production/hello has no load balancer (http: false in its stack)"
    )


def test_worker_is_refused_behind_a_load_balancer() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.publish(manifest("2.0.0", Policy(min_alive_seconds=0), **WITHOUT_HTTP))
    assert _refused(machine, "2.0.0") == ("2.0.0 declares run.http = false, but production/hello has a load balancer")


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
def test_rollback_and_repair_are_refused_as_well(machine: Machine, kind: Kind) -> None:
    machine.publish(manifest("2.0.0"))
    assert "2.0.0 serves HTTP" in _refused(machine, "2.0.0", kind)


def _refused(machine: Machine, version: str, kind: Kind = Kind.DEPLOY) -> str:
    """Return the first sentence of the refusal."""
    machine.memory.clock.sleep(1)
    request = machine.request(version, kind)
    found = next(each for each in preview(machine.context, request).blockers if "load balancer" in each)
    assert machine.begin(request).kind == "REFUSED"
    assert "docs/operating.md" in found
    return found.partition(". ")[0]


def test_live_worker_is_not_removed_and_a_dead_machine_leaves_rotation(machine: Machine) -> None:
    by = RequestedBy("ada", "its disk failed")
    with pytest.raises(Refused):
        remove_host(machine.context, CLUSTER, "host-4", by)
    machine.host("host-4").silent = True
    machine.memory.clock.sleep(60)
    machine.hosts.remove(machine.host("host-4"))
    remove_host(machine.context, CLUSTER, "host-4", by)

    assert len(machine.context.dispatcher.targets(CLUSTER)) == 3


def test_member_of_no_known_host_is_taken_out(machine: Machine) -> None:
    machine.context.dispatcher.register(CLUSTER, "10.9.9.9", 8080)
    (found,) = converge_all(machine.context, "f00d", "schedule")
    assert "10.9.9.9:8080 is a target of no known host, taken out" in found.reason
    assert "10.9.9.9" not in machine.context.dispatcher.targets(CLUSTER)


def test_new_host_gets_the_verified_version(machine: Machine) -> None:
    machine.join("host-5")
    assert repaired(machine) == "REPAIR"
    assert states(machine)["host-5"] is TargetState.HEALTHY
    assert machine.installed()["host-5"] == "1.0.0"


def test_left_out_host_stays_out_and_retry_brings_it_back(machine: Machine) -> None:
    machine.host(FIRST).breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.host(FIRST).breaks.clear()
    machine.decide(name, Choice.RETRY, FIRST)

    assert machine.record(name).state is DeploymentState.DONE
    attempts = {(each.host, each.number): each.state for each in machine.memory.deployments.attempts(name)}
    assert attempts[FIRST, 2] is AttemptState.ALIVE
