"""Calls that AWS could not answer for now: nothing fails that may go on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.context import Context
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.polling import PATIENCE
from lifecycle.application.rollout.decide import decide
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT
from lifecycle.application.rollout.stages import await_alive, drain, install, register, self_test
from lifecycle.application.rollout.strays import find_strays, take_out_strays
from lifecycle.domain.errors import CallFailed, Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.gateways.aws.executions import StepFunctionsExecutions
from tests.fakes.dispatcher import MemoryDispatcher
from tests.support.json_service import json_client
from tests.support.rollout import CLUSTER, Machine


def failed(*, temporary: bool) -> CallFailed:
    words = "AWS is throttling ELB DescribeTargetHealth" if temporary else "IAM denies ELB DescribeTargetHealth"
    return CallFailed(words, service="ELB", operation="DescribeTargetHealth", code="Throttling", temporary=temporary)


class Throttled(MemoryDispatcher):
    """A load balancer that answers only every third poll of a target, or as `answered` says."""

    polls = 0
    answered = 3
    error = failed(temporary=True)
    denied_from = 10**9

    def target(self, cluster: Cluster, address: str) -> TargetState:
        self.polls += 1
        if self.polls >= self.denied_from:
            raise failed(temporary=False)
        if self.polls % self.answered:
            raise self.error
        return super().target(cluster, address)


class ThrottledRemovals(MemoryDispatcher):
    """A load balancer that removes a target at every third call."""

    removals = 0

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        self.removals += 1
        if self.removals % 3:
            raise failed(temporary=True)
        super().deregister(cluster, address, port, group)


def throttled(machine: Machine) -> Throttled:
    """Put a load balancer that is throttled in the place of the machine's."""
    dispatcher = Throttled({CLUSTER: "/is_alive"})
    dispatcher.states = machine.memory.dispatcher.states
    machine.memory.dispatcher = dispatcher
    machine.context = replace(machine.context, dispatcher=dispatcher)
    return dispatcher


def test_host_is_not_failed_by_polls_that_are_throttled(machine: Machine) -> None:
    dispatcher = throttled(machine)
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert {each.state for each in machine.memory.deployments.attempts(name)} == {AttemptState.ALIVE}
    assert dispatcher.polls > len(machine.hosts)


def test_host_is_failed_with_the_reason_if_no_poll_is_answered(machine: Machine) -> None:
    throttled(machine).answered = 10**9
    name = machine.deploy("1.0.1")
    (attempt,) = machine.memory.deployments.attempts(name)
    assert attempt.state is AttemptState.FAILED
    assert "AWS is throttling ELB DescribeTargetHealth" in attempt.reason


def test_host_is_failed_with_the_reason_if_polls_are_denied(machine: Machine) -> None:
    throttled(machine).denied_from = 1
    name = machine.deploy("1.0.1")
    (attempt,) = machine.memory.deployments.attempts(name)
    assert attempt.state is AttemptState.FAILED
    assert "IAM denies ELB DescribeTargetHealth" in attempt.reason


@pytest.mark.parametrize(("temporary", "outcome"), [(True, "raised"), (False, "REFUSED")])
def test_plan_is_repeated_while_aws_cannot_answer_and_refused_if_it_never_will(
    machine: Machine, temporary: Any, outcome: str
) -> None:
    class Silent(MemoryDispatcher):
        def targets(self, *_: Any) -> Any:
            raise failed(temporary=temporary)

    context = replace(machine.context, dispatcher=Silent({CLUSTER: "/is_alive"}))
    request = machine.request("1.0.1")
    try:
        found = begin(context, request, request.deployment)
    except CallFailed:
        assert outcome == "raised"
    else:
        assert (found.kind, "IAM denies" in found.reason) == (outcome, True)


def halted_without_token(machine: Machine) -> tuple[str, Context]:
    """Halt a deployment whose execution has not recorded its token yet; every signal to it would be an error."""
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    (question,) = machine.memory.deployments.questions(name)
    machine.memory.deployments.attach_token(question, "")
    executions = StepFunctionsExecutions(json_client("stepfunctions", {}), "machine", "machine")
    return name, replace(machine.context, executions=executions)


def test_answer_before_the_task_token_was_recorded_names_the_first_answer(machine: Machine) -> None:
    name, context = halted_without_token(machine)
    decide(context, CLUSTER, name, "host-2", 1, Answer(Choice.ABORT, "ada", "enough", machine.now))
    with pytest.raises(Refused, match="ada answered ABORT"):
        decide(context, CLUSTER, name, "host-2", 1, Answer(Choice.RETRY, "grace", "", machine.now))


def test_late_answer_to_a_question_without_a_token_is_refused_in_words(machine: Machine) -> None:
    name, context = halted_without_token(machine)
    late = Answer(Choice.RETRY, "grace", "", machine.now + timedelta(days=400))
    with pytest.raises(Refused, match="expired at"):
        decide(context, CLUSTER, name, "host-2", 1, late)


class Deaf(MemoryDispatcher):
    """A load balancer whose first `lost` registrations are not answered. It carries them out if it is `working`."""

    lost = 1
    working = True
    registrations = 0

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        self.registrations += 1
        if self.working or not self.lost:
            super().register(cluster, address, port, group)
        if self.lost:
            self.lost -= 1
            raise failed(temporary=True)


def deaf(machine: Machine, lost: int) -> Deaf:
    dispatcher = Deaf({CLUSTER: "/is_alive"})
    dispatcher.states, dispatcher.lost = machine.memory.dispatcher.states, lost
    machine.memory.dispatcher = dispatcher
    machine.context = replace(machine.context, dispatcher=dispatcher)
    return dispatcher


def test_registration_whose_answer_was_lost_is_looked_at_and_not_repeated(machine: Machine) -> None:
    dispatcher = deaf(machine, 1)
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert dispatcher.registrations == len(machine.hosts)


def test_registration_that_is_throttled_for_minutes_is_repeated(machine: Machine) -> None:
    dispatcher = deaf(machine, 100)
    dispatcher.working = False
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert dispatcher.registrations == len(machine.hosts) + 100


def test_stage_without_any_answer_fails_its_host_with_the_reason_at_its_deadline(machine: Machine) -> None:
    deaf(machine, 10**6).working = False
    began = machine.now
    name = machine.deploy("1.0.1")
    (attempt,) = machine.memory.deployments.attempts(name)
    assert (attempt.state, "AWS is throttling" in attempt.reason) == (AttemptState.FAILED, True)
    assert attempt.finished_at is not None
    assert LONGEST_WAIT <= attempt.finished_at - began <= LONGEST_WAIT + timedelta(minutes=1)


class Stuck(Throttled):
    """A load balancer whose first `lost` deregistrations are throttled."""

    answered = 1
    lost = 100
    deregistrations = 0

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        self.deregistrations += 1
        if self.lost:
            self.lost -= 1
            raise failed(temporary=True)
        super().deregister(cluster, address, port, group)


def stuck(machine: Machine) -> Stuck:
    dispatcher = Stuck({CLUSTER: "/is_alive"})
    dispatcher.states = machine.memory.dispatcher.states
    machine.memory.dispatcher = dispatcher
    machine.context = replace(machine.context, dispatcher=dispatcher)
    return dispatcher


def test_deregistration_that_is_throttled_for_minutes_is_repeated(machine: Machine) -> None:
    dispatcher = stuck(machine)
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert dispatcher.deregistrations == len(machine.hosts) + 100


def test_host_that_is_not_alive_is_taken_out_however_long_that_is_throttled(machine: Machine) -> None:
    dispatcher = stuck(machine)
    request, host = machine.request("1.0.1"), machine.hosts[0]
    assert machine.begin(request).kind == "PLANNED"
    task = machine.hand_out(request.deployment, host.name)
    dispatcher.lost = 0
    for stage in (drain, install, self_test, register):
        assert stage(machine.context, task).outcome == "PASSED"
    dispatcher.dead.add(host.address)
    dispatcher.lost = 50
    assert await_alive(machine.context, task).outcome == "FAILED"
    assert not dispatcher.target(CLUSTER, host.address).in_rotation


def test_terminated_host_is_removed_though_polls_are_throttled(machine: Machine) -> None:
    machine.deploy("1.0.0")
    dispatcher = throttled(machine)
    remove_host(machine.context, CLUSTER, "host-1", RequestedBy("ada", "it burnt"), terminated=True)
    assert "host-1" not in machine.memory.fleet.reports(CLUSTER)
    assert dispatcher.polls == 3
    removed = [each.what for each in machine.memory.audit_log.entries if each.what == "remove host-1"]
    assert len(removed) == 1


def test_removal_says_why_it_could_not_look(machine: Machine) -> None:
    machine.deploy("1.0.0")
    throttled(machine).answered = 10**9
    before = machine.now
    with pytest.raises(CallFailed, match="throttling"):
        remove_host(machine.context, CLUSTER, "host-1", RequestedBy("ada", "it burnt"), terminated=True)
    assert PATIENCE <= machine.now - before < 2 * PATIENCE
    assert "host-1" in machine.memory.fleet.reports(CLUSTER)


def test_stray_is_taken_out_though_its_removal_is_throttled(machine: Machine) -> None:
    machine.deploy("1.0.0")
    dispatcher = ThrottledRemovals({CLUSTER: "/is_alive"})
    dispatcher.states = machine.memory.dispatcher.states
    dispatcher.register(CLUSTER, "10.9.9.9", 8080)
    context = replace(machine.context, dispatcher=dispatcher)
    found = take_out_strays(context, CLUSTER, find_strays(context, CLUSTER))
    assert [each.address for each in found.targets] == ["10.9.9.9"]
    assert not dispatcher.target(CLUSTER, "10.9.9.9").in_rotation
    assert dispatcher.removals == 3
