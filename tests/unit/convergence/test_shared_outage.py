"""Hosts that turn unhealthy together are not repaired; a repair that fails ends, and another comes later."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.convergence.converge import AUTOMATIC, converge_all
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.convergence.failed_repairs import next_tries
from lifecycle.domain.convergence.shared_outage import outage_words
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.shared_fault import unhealthy_together
from lifecycle.domain.service.policy import Policy
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import parse
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine

MINUTES = 15 * 60


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def fail_checks(machine: Machine, *hosts: str) -> None:
    machine.memory.dispatcher.dead |= {machine.host(host).address for host in hosts}
    machine.memory.clock.sleep(1)


def kinds(machine: Machine) -> list[AuditKind]:
    outage = (AuditKind.OUTAGE, AuditKind.OUTAGE_OVER)
    return [entry.kind for entry in machine.memory.audit_log.entries if entry.kind in outage]


ALL = ("host-1", "host-2", "host-3", "host-4")


@pytest.mark.parametrize("hosts", [ALL, ALL[:3], ALL[:2]])
def test_shared_outage_is_held_and_reported_once(machine: Machine, hosts: tuple[str, ...]) -> None:
    fail_checks(machine, *hosts)
    since = machine.now + timedelta(seconds=1)
    kind, reason = converge(machine)
    subject = "all hosts" if hosts == ALL else ", ".join(hosts)
    assert kind == "HOLD"
    assert f"{subject} of production/hello are unhealthy since {since:%Y-%m-%d %H:%M:%S}" in reason
    assert "a shared dependency?" in reason
    machine.memory.clock.sleep(MINUTES)
    assert converge(machine) == (kind, reason)
    assert machine.memory.executions.rollouts == {}
    assert all(state.in_rotation for state in machine.memory.dispatcher.states[CLUSTER].values())
    machine.memory.dispatcher.dead.clear()
    machine.memory.clock.sleep(1)
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.0")
    assert kinds(machine) == [AuditKind.OUTAGE, AuditKind.OUTAGE_OVER]
    began, over = (each for each in machine.memory.audit_log.entries if "outage" in each.kind.lower())
    assert (began.who, over.who, over.what) == ("lifecycle", "lifecycle", "found the shared outage over")
    assert (began.at, over.why) == (since, f"{began.what} at {since:%Y-%m-%d %H:%M:%S} UTC")


def test_hosts_of_a_load_balancer_that_uses_none_stay_registered(machine: Machine) -> None:
    """The listener of the target group was removed, or is being replaced."""
    states = machine.memory.dispatcher.states[CLUSTER]
    machine.memory.clock.ticks.append(lambda: states.update(dict.fromkeys(states, TargetState.UNUSED)))
    machine.memory.clock.sleep(1)
    assert converge(machine)[0] == "HOLD"
    assert len(states) == len(ALL)
    machine.memory.clock.ticks.pop()
    machine.memory.clock.sleep(1)
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.0")


def test_hosts_in_their_first_health_checks_are_not_restarted(machine: Machine) -> None:
    """The load balancer has begun to use them again, or somebody has registered them by hand."""
    states = machine.memory.dispatcher.states[CLUSTER]
    states.update(dict.fromkeys(states, TargetState.INITIAL))
    (found,) = converge_all(machine.context, "x", "ada")
    assert (found.kind, "host-1 is in its first health checks" in found.reason) == ("HOLD", True)
    assert converge(machine)[0] == "CONVERGED"


def test_one_unhealthy_host_is_drift(machine: Machine) -> None:
    fail_checks(machine, "host-2")
    assert converge(machine)[0] == "REPAIR"


def test_dead_service_is_repaired_during_a_shared_outage(machine: Machine) -> None:
    fail_checks(machine, *ALL)
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-3"), running=False))
    kind, reason = converge(machine)
    assert kind == "REPAIR"
    assert "host-3" in reason
    assert "host-1" not in reason


def test_repair_that_was_asked_for_before_the_outage_is_refused(machine: Machine) -> None:
    fail_checks(machine, *ALL)
    request = machine.request("1.0.0", Kind.CONVERGE, only=("host-2",))
    assert any("a shared dependency?" in each for each in preview(machine.context, request).blockers)
    dead = replace(machine.report("host-3"), running=False)
    machine.memory.fleet.write_report(CLUSTER, dead)
    request = machine.request("1.0.0", Kind.CONVERGE, only=("host-3",))
    assert preview(machine.context, request).blockers == ()


def test_deployment_of_a_fix_may_begin_during_an_outage(machine: Machine) -> None:
    fail_checks(machine, *ALL)
    assert preview(machine.context, machine.request("1.0.1")).blockers == ()


def failed_repair(machine: Machine, host: str = "host-2") -> str:
    """Return a repair that failed, because its host fails its self-test."""
    machine.host(host).breaks["1.0.0"] = AgentStage.SELF_TESTING
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report(host), running=False))
    assert converge(machine)[0] == "REPAIR"
    return machine.run_what_waited()


def test_failed_repair_frees_the_cluster_for_another() -> None:
    machine = Machine(policy=Policy(max_unavailable=2))
    machine.deploy("1.0.0")
    name = failed_repair(machine)
    ended = machine.record(name)
    assert (ended.state, ended.failed_host) == (DeploymentState.ABORTED, "host-2")
    assert "the repair of host-2 failed: failed while self-testing" in ended.reason
    assert machine.context.leases.current(CLUSTER).deployment == ""
    kind, reason = converge(machine)
    assert (kind, "the next one begins after" in reason) == ("HOLD", True)
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-4"), running=False))
    kind, reason = converge(machine)
    assert (kind, "host-4" in reason, "host-2" in reason) == ("REPAIR", True, False)
    assert machine.record(machine.run_what_waited()).state is DeploymentState.DONE


def test_failed_repair_is_tried_again_by_itself(machine: Machine) -> None:
    failed_repair(machine)
    machine.host("host-2").breaks.clear()
    assert converge(machine)[0] == "HOLD"
    machine.memory.clock.sleep(MINUTES)
    assert converge(machine)[0] == "REPAIR"
    assert machine.record(machine.run_what_waited()).state is DeploymentState.DONE
    assert converge(machine) == ("CONVERGED", "every host serves 1.0.0")


@pytest.mark.parametrize("by", AUTOMATIC)
def test_who_is_no_person_waits_for_the_back_off(machine: Machine, by: str) -> None:
    failed_repair(machine)
    assert converge(machine, by)[0] == "HOLD"


def test_events_name_requesters_that_are_no_people() -> None:
    stream = {"Records": [{"dynamodb": {"Keys": {"pk": {"S": f"REPORTS#{CLUSTER}"}}}}]}
    assert {Converge().requested_by, parse(Converge, stream).requested_by} < set(AUTOMATIC)


def test_operator_who_asks_waits_for_no_back_off(machine: Machine) -> None:
    failed_repair(machine)
    assert converge(machine, "ada")[0] == "REPAIR"


def test_back_off_grows_and_ends_with_a_success(machine: Machine) -> None:
    first = machine.record(failed_repair(machine))
    recent = [first]
    waits = []
    for _ in range(8):
        recent = [replace(first, finished_at=machine.now), *recent]
        waits.append((next_tries(recent, timedelta(minutes=1))["host-2"] - machine.now) // timedelta(minutes=1))
    assert waits == [10, 20, 40, 80, 120, 120, 120, 120]
    done = replace(first, state=DeploymentState.DONE, failed_host="")
    assert next_tries([replace(done, request=replace(done.request, only=())), *recent], timedelta(minutes=1)) == {}
    assert next_tries([done, *recent], timedelta(minutes=1)) == {}
    by_hand = replace(first, failed_host="")
    assert next_tries([by_hand], timedelta(minutes=1)) == {}


def test_end_of_a_shared_outage_ends_the_back_off(machine: Machine) -> None:
    """Its repair failed for what all hosts shared."""
    failed_repair(machine)
    others = {machine.host(name).address for name in ("host-1", "host-3", "host-4")}
    machine.memory.dispatcher.dead.update(others)
    machine.memory.clock.sleep(1)
    assert converge(machine)[0] == "HOLD"
    assert AuditKind.OUTAGE in [each.kind for each in machine.memory.audit_log.entries]
    machine.memory.dispatcher.dead.difference_update(others)
    machine.memory.clock.sleep(1)
    assert converge(machine)[0] == "REPAIR"


def test_host_that_gets_requests_untested_waits_for_no_back_off(machine: Machine) -> None:
    failed_repair(machine)
    host = machine.host("host-2")
    machine.context.dispatcher.register(CLUSTER, host.address, 8080)
    assert converge(machine)[0] == "REPAIR"


@pytest.mark.parametrize(
    ("size", "unhealthy", "absent", "found"),
    [
        (1, 1, 0, 0),  # a single host may be restarted: nothing else can help
        (2, 1, 0, 0),
        (2, 1, 1, 1),  # the last one that is registered
        (2, 2, 0, 2),
        (4, 1, 1, 0),
        (4, 2, 0, 2),
        (4, 3, 1, 3),
    ],
)
def test_hosts_are_unhealthy_together(size: int, unhealthy: int, absent: int, found: int) -> None:
    machine = Machine(hosts=size)
    machine.deploy("1.0.0")
    reports = machine.memory.fleet.reports(CLUSTER)
    states = [TargetState.UNHEALTHY] * unhealthy + [TargetState.ABSENT] * absent
    rotation = dict(zip(reports, states + [TargetState.HEALTHY] * size, strict=False))
    digest = machine.report("host-1").digest
    assert len(unhealthy_together(reports, rotation, reports.keys(), digest, 1, unreachable=())) == found
    stopped = {host: replace(each, running=False) for host, each in reports.items()}
    assert unhealthy_together(stopped, rotation, reports.keys(), digest, 1, unreachable=()) == ()
    assert unhealthy_together(reports, rotation, reports.keys(), "other", 1, unreachable=()) == ()


def test_outage_of_some_hosts_names_them() -> None:
    words = outage_words(CLUSTER, ["a", "b"], 4, Machine().now)
    assert words.startswith("a, b of production/hello are unhealthy since")
