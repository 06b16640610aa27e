"""The load balancer's health path and drain time, against those that the versions of a cluster declare."""

from typing import Any

import pytest

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Override, Request
from lifecycle.domain.service.manifest import Check
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER, Machine, manifest

NEW, OLD = Check("/healthz"), Check("/is_alive")
BOTH = Check("/healthz", also=("/is_alive",))


def published(machine: Machine, version: str, **changes: Any) -> Request:
    machine.publish(manifest(version, **changes))
    return machine.request(version)


def blockers(machine: Machine, request: Request) -> str:
    return "\n".join(preview(machine.context, request).blockers)


def test_new_health_path_is_refused_with_a_way_that_loses_no_request(machine: Machine) -> None:
    refused = blockers(machine, published(machine, "1.1.0", is_alive=NEW))
    assert "checks /is_alive, but 1.1.0 declares is_alive /healthz" in refused
    assert 'is_alive = { path = "/healthz", also = ["/is_alive"] }' in refused
    assert "docs/operating.md" in refused


def test_health_path_changes_in_the_printed_steps_and_each_step_can_be_rolled_back(machine: Machine) -> None:
    both = published(machine, "1.1.0", is_alive=BOTH)
    assert blockers(machine, both) == ""
    assert machine.record(machine.deploy("1.1.0")).state is DeploymentState.DONE
    machine.memory.dispatcher.paths[CLUSTER] = "/healthz"
    new = published(machine, "1.2.0", is_alive=NEW)
    plan = preview(machine.context, new)
    assert (plan.blockers, plan.previous and plan.previous.version) == ((), "1.1.0")


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
def test_older_version_that_does_not_answer_the_path_is_refused_before_the_first_host(
    machine: Machine, kind: Kind
) -> None:
    published(machine, "1.1.0", is_alive=BOTH)
    machine.deploy("1.1.0")
    machine.memory.dispatcher.paths[CLUSTER] = "/healthz"
    refused = blockers(machine, machine.request("1.0.0", kind=kind))
    assert "set the path of the cluster back to /is_alive" in refused
    machine.memory.dispatcher.paths[CLUSTER] = "/is_alive"
    assert blockers(machine, machine.request("1.0.0", kind=kind)) == ""


def test_previous_version_that_does_not_answer_the_path_is_no_rollback_target(machine: Machine) -> None:
    machine.memory.dispatcher.paths[CLUSTER] = "/healthz"
    both = published(machine, "1.1.0", is_alive=BOTH)
    refused = blockers(machine, both)
    assert "no rollback target: the load balancer checks /healthz, but 1.0.0 declares is_alive /is_alive" in refused
    machine.publish(manifest("1.1.1", is_alive=BOTH))
    overridden = machine.request("1.1.1", overrides=(Override.NO_ROLLBACK_TARGET,), reason="the stack was changed")
    assert blockers(machine, overridden) == ""


@pytest.mark.parametrize("group", list(Group))
def test_longer_drain_time_than_a_target_groups_delay_is_refused(machine: Machine, group: Group) -> None:
    machine.memory.dispatcher.delays[CLUSTER, group] = 10
    refused = blockers(machine, published(machine, "1.1.0", policy=Policy(drain_seconds=40)))
    assert f"the {group} target group has a deregistration delay of 10 s" in refused
    assert "set DrainSeconds of the cluster's stack to 60 first" in refused  # 1.0.0 has the default, and runs


def test_shorter_drain_time_does_not_cut_the_requests_of_the_running_version(machine: Machine) -> None:
    short = published(machine, "1.1.0", policy=Policy(drain_seconds=10))
    for group in Group:
        machine.memory.dispatcher.delays[CLUSTER, group] = 10
    assert "1.0.0 declares drain_seconds 60, so requests would be cut" in blockers(machine, short)
    machine.memory.dispatcher.delays.clear()
    assert blockers(machine, short) == ""
    assert "drains for up to 60 s" in "".join(preview(machine.context, short).warnings)


def test_rollback_begins_with_a_drain_time_that_does_not_fit_and_says_so(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.memory.dispatcher.delays[CLUSTER, Group.MAIN] = 10
    plan = preview(machine.context, machine.request("1.0.0", kind=Kind.ROLLBACK))
    assert (plan.blockers, "requests would be cut" in "".join(plan.warnings)) == ((), True)


def test_delay_that_no_drain_can_outlast_is_refused(machine: Machine) -> None:
    machine.memory.dispatcher.delays[CLUSTER, Group.MAIN] = 3600
    assert "a drain may take at most 840 s" in blockers(machine, machine.request("1.0.1"))


def drained(machine: Machine, seconds: int) -> str:
    """Drain host-2 while a connection to it stays open for so many seconds; return the attempt's reason."""
    address, clock = machine.host("host-2").address, machine.memory.clock
    request = machine.request("1.1.0")
    machine.begin(request)
    machine.memory.dispatcher.busy.add(address)
    began = machine.now
    clock.ticks.append(
        lambda: (
            machine.memory.dispatcher.busy.discard(address)
            if (machine.now - began).total_seconds() > seconds
            else None
        )
    )
    task = machine.hand_out(request.deployment, "host-2")
    stages.drain(machine.context, task)
    attempt = machine.memory.deployments.attempt(request.deployment, "host-2", task.attempt)
    assert attempt is not None
    assert attempt.state is (AttemptState.FAILED if attempt.reason else AttemptState.DRAINED)
    return attempt.reason


def test_drain_waits_as_long_as_the_load_balancer_drains(machine: Machine) -> None:
    machine.publish(manifest("1.1.0", Policy(drain_seconds=10)))
    machine.memory.dispatcher.delays[CLUSTER, Group.MAIN] = 120
    assert drained(machine, seconds=119) == ""


def test_drain_that_goes_on_is_reported_as_out_of_rotation(machine: Machine) -> None:
    machine.publish(manifest("1.1.0", Policy(drain_seconds=10)))
    reason = drained(machine, seconds=10_000)
    assert reason.startswith("host-2 is out of rotation and still draining after 90 s")


def test_host_that_is_not_alive_is_taken_out_although_nobody_says_why(machine: Machine) -> None:
    dispatcher, address = machine.memory.dispatcher, machine.host("host-2").address
    dispatcher.dead.add(address)
    dispatcher.states[CLUSTER].pop(address)
    request = machine.request("1.0.1")
    machine.begin(request)
    dispatcher.broken = Unknown("cluster", str(CLUSTER))
    machine.update(request.deployment, "host-2", 1)
    machine.memory.clock.sleep(1)
    [attempt] = machine.memory.deployments.attempts(request.deployment)
    assert attempt.reason == "not alive behind the load balancer within 60 s: it is unhealthy"
    assert address not in dispatcher.states[CLUSTER]


def test_host_that_is_not_alive_is_reported_with_the_url_and_the_answer_of_its_check(machine: Machine) -> None:
    dispatcher, address = machine.memory.dispatcher, machine.host("host-2").address
    dispatcher.dead.add(address)
    dispatcher.failures[address] = "Health checks failed with these codes: [400] (Target.ResponseCodeMismatch)"
    dispatcher.states[CLUSTER].pop(address)
    reason = machine.record(machine.deploy("1.0.1")).reason
    assert (
        f"it is unhealthy; GET http://{address}:8080/is_alive: Health checks failed with these codes: [400]" in reason
    )
