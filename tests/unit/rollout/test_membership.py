"""Hosts join, leave, are replaced and become unreachable during a rollout."""

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER, Machine, manifest

GRACE = RequestedBy("grace", "it was scrapped")


def waits_at(machine: Machine, name: str) -> str:
    return machine.memory.deployments.questions(name)[-1].reason


def test_host_that_joins_mid_rollout_is_updated_once_before_the_end(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.join("host-5")
    machine.host("host-1").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-1")
    assert machine.serving()["host-5"] == "1.0.1"
    assert machine.host("host-5").boots == 1
    assert machine.record(name).state is DeploymentState.DONE


def test_rollout_does_not_wait_for_a_host_that_left(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.leave("host-3")
    machine.host("host-2").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-2")
    assert machine.record(name).state is DeploymentState.DONE
    assert sorted(machine.serving()) == ["host-1", "host-2", "host-4"]


def test_failed_host_that_left_does_not_halt(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.leave("host-2")
    assert machine.run(name).kind == "FINISH"
    assert machine.record(name).state is DeploymentState.DONE


def test_decision_on_a_host_counts_after_it_left(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.leave("host-1")
    machine.decide(name, Choice.ROLL_BACK, "host-1")
    assert set(machine.serving().values()) == {"1.0.0"}


def test_replaced_host_is_updated_again(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    done = machine.host("host-2")
    machine.memory.dispatcher.states[CLUSTER].pop(done.address)
    machine._report(done, HostReport("host-2", done.address, 8080, "a", machine.now, machine.now))
    machine.host("host-1").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-1")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.serving()["host-2"] == "1.0.1"
    attempts = [each.number for each in machine.memory.deployments.attempts(name) if each.host == "host-2"]
    assert attempts == [1, 2]


def test_unreachable_host_comes_last_and_is_asked_about_by_name(machine: Machine) -> None:
    machine.host("host-2").silent = True
    machine.memory.clock.sleep(60)
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.HALTED
    assert "every other host is done; host-2: agent unreachable since 2026-11-23 12:0" in waits_at(machine, name)
    updated = {host: version for host, version in machine.installed().items() if host != "host-2"}
    assert set(updated.values()) == {"1.0.1"}


def test_returning_host_is_updated_without_a_question(machine: Machine) -> None:
    machine.host("host-2").silent = True
    machine.memory.clock.sleep(60)
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.update(request.deployment, "host-2", 1)
    machine.host("host-2").silent = False
    machine.memory.clock.sleep(1)
    machine.run(request.deployment)
    assert machine.record(request.deployment).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.1"}


def test_too_many_unreachable_hosts_refuse_the_plan(machine: Machine) -> None:
    for host in ("host-2", "host-3"):
        machine.host(host).silent = True
    machine.memory.clock.sleep(60)
    reason = machine.begin(machine.request("1.0.1")).reason
    assert "host-2 has been unreachable since" in reason
    assert "max_unreachable is 1" in reason


def test_too_many_unreachable_hosts_halt_a_running_rollout(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    for host in ("host-2", "host-1"):
        machine.host(host).silent = True
    machine.memory.clock.sleep(60)
    machine.run(request.deployment)
    assert "agent unreachable since" in waits_at(machine, request.deployment)
    assert "every other host" not in waits_at(machine, request.deployment)


def test_drained_unreachable_host_counts_towards_capacity(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.memory.dispatcher.states[CLUSTER].pop(machine.host("host-2").address)
    machine.host("host-2").silent = True
    machine.run(request.deployment)
    assert "agent unreachable since" in waits_at(machine, request.deployment)
    assert len(machine.serving()) == 3


def test_policy_may_tolerate_no_unreachable_host() -> None:
    machine = Machine(policy=Policy(max_unreachable=0))
    machine.deploy("1.0.0")
    machine.host("host-3").silent = True
    machine.memory.clock.sleep(60)
    assert "max_unreachable is 0" in machine.begin(machine.request("1.0.1")).reason


@pytest.mark.parametrize(("silent", "kind"), [(3, "PLANNED"), (4, "REFUSED")])
def test_policy_that_tolerates_all_unreachable_hosts_needs_one_that_is_reachable(silent: int, kind: str) -> None:
    machine = Machine(policy=Policy(max_unreachable="100%"))
    machine.deploy("1.0.0")
    for host in machine.hosts[:silent]:
        host.silent = True
    machine.memory.clock.sleep(60)
    assert machine.begin(machine.request("1.0.1")).kind == kind


def test_host_that_joins_an_idle_cluster_gets_the_desired_version(machine: Machine) -> None:
    machine.join("host-5")
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"
    machine.run_what_waited()
    assert machine.serving()["host-5"] == "1.0.0"


def test_host_that_joins_after_an_abort_gets_the_last_verified_version(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.decide(machine.deploy("1.0.1"), Choice.ABORT, "host-1")
    machine.join("host-5")
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"
    machine.run_what_waited()
    assert machine.serving() == {"host-2": "1.0.1", "host-4": "1.0.0", "host-3": "1.0.0", "host-5": "1.0.0"}
    assert machine.memory.registry.desired(CLUSTER).version == "1.0.1"  # type: ignore[union-attr]
    assert converge_all(machine.context, "abce", "schedule")[0].kind == "HOLD"


def test_unreachable_host_that_serves_nothing_is_removed(machine: Machine) -> None:
    machine.host("host-3").silent = True
    machine.memory.dispatcher.dead.add(machine.host("host-3").address)
    machine.memory.clock.sleep(60)
    remove_host(machine.context, CLUSTER, "host-3", GRACE)
    assert "host-3" not in machine.memory.fleet.reports(CLUSTER)
    machine.memory.clock.sleep(1)
    assert machine.host("host-3").address not in machine.memory.dispatcher.states[CLUSTER]
    assert machine.memory.audit_log.entries[-1].what == "remove host-3"


def test_reachable_host_is_not_removed(machine: Machine) -> None:
    with pytest.raises(Refused, match=r"its agent reported at .*it is in rotation and healthy"):
        remove_host(machine.context, CLUSTER, "host-3", GRACE)
    assert "host-3" in machine.serving()


def test_host_of_a_terminated_machine_is_removed_at_once(machine: Machine) -> None:
    remove_host(machine.context, CLUSTER, "host-3", GRACE, terminated=True)
    assert "host-3" not in machine.memory.fleet.reports(CLUSTER)


def test_unknown_host_is_not_removed(machine: Machine) -> None:
    with pytest.raises(Unknown, match="host 'host-9' of production/hello not found"):
        remove_host(machine.context, CLUSTER, "host-9", GRACE)


def test_quarantined_host_is_left_out_of_the_plan_and_the_floor(machine: Machine) -> None:
    machine.memory.fleet.quarantine_host(CLUSTER, "host-3", "its disk is bad")
    machine.memory.dispatcher.states[CLUSTER].pop(machine.host("host-3").address)
    plan = preview(machine.context, machine.request("1.0.1"))
    assert "host-3" not in [each.host for each in plan.hosts]
    assert "host-3 is quarantined and left out: its disk is bad" in plan.warnings
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.report("host-3").installed == "1.0.0"


def test_convergence_leaves_unreachable_and_quarantined_hosts_alone(machine: Machine) -> None:
    machine.memory.fleet.quarantine_host(CLUSTER, "host-3", "its disk is bad")
    machine.memory.dispatcher.states[CLUSTER].clear()
    for host in machine.hosts:
        host.silent = True
    machine.memory.clock.sleep(60)
    found = converge_all(machine.context, "abcd", "schedule")[0]
    assert found.kind == "HOLD"
    assert "host-1: unreachable since" in found.reason
    assert "host-3" not in found.reason


def test_min_healthy_above_the_cluster_size_is_refused_with_the_reason() -> None:
    machine = Machine()
    machine.publish(manifest("1.0.9", Policy(min_healthy=4)))
    assert (
        "min_healthy is 4, but production/hello has 4 hosts: expected at most 3"
        in machine.begin(machine.request("1.0.9")).reason
    )
