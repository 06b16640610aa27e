"""Writes that a store refuses, because another call was faster: what each caller does then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.application.rollout.next_step import decide_next
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.task_tokens import await_answer
from lifecycle.domain.errors import Refused, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Answer, Choice, Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.deployments import MemoryDeployments
from tests.fakes.leases import MemoryLeases
from tests.support.rollout import CLUSTER, Machine


class ThenLeases(MemoryLeases):
    """Leases that call `then` once, after one was acquired."""

    def __init__(self, like: MemoryLeases, then: Callable[[], object]) -> None:
        self.__dict__.update(like.__dict__)
        self._then = then

    def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
        found = super().acquire(cluster, deployment, now, newest)
        self._then()
        return found


class ThenDeployments(MemoryDeployments):
    """Deployments that call `then` before each deployment is written, as a faster call would."""

    def __init__(self, like: MemoryDeployments, then: Callable[[], object]) -> None:
        self.__dict__.update(like.__dict__)
        self._then = then

    def put(self, deployment: Deployment) -> bool:
        self._then()
        return super().put(deployment)


def end(machine: Machine, name: str, state: DeploymentState) -> None:
    assert machine.memory.deployments.put(replace(machine.record(name), state=state, reason="by another call"))


def test_deployment_that_is_cancelled_while_it_takes_the_lease_does_not_begin(machine: Machine) -> None:
    request = machine.request("1.0.1")
    leases = ThenLeases(machine.memory.leases, lambda: end(machine, request.deployment, DeploymentState.ABORTED))
    planned = begin(replace(machine.context, leases=leases), request, request.deployment)
    assert (planned.kind, "has ended: ABORTED, by another call" in planned.reason) == ("REFUSED", True)
    assert machine.record(request.deployment).state is DeploymentState.ABORTED
    assert machine.memory.leases.current(CLUSTER) == Lease(2)
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.0"
    assert machine.record(machine.deploy("1.0.1")).state is DeploymentState.DONE


def test_desired_version_of_before_names_the_deployment_that_verified_it(machine: Machine) -> None:
    """Not the pending one of the same version, which wrote nothing (seed 216 of the simulation)."""
    verified = machine.memory.registry.desired(CLUSTER)
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.memory.clock.sleep(1)
    pending = machine.request("1.0.0")
    assert machine.begin(pending).kind == "QUEUED"
    finish(machine.context, CLUSTER, request.deployment, DeploymentState.ABORTED, "enough")
    desired = machine.memory.registry.desired(CLUSTER)
    assert verified is not None
    assert desired is not None
    assert (desired.version, desired.deployment) == ("1.0.0", verified.deployment)


def test_end_that_another_call_recorded_first_is_the_one_that_counts(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    name = request.deployment
    deployments = ThenDeployments(machine.memory.deployments, lambda: end(machine, name, DeploymentState.ABORTED))
    ended = finish(replace(machine.context, deployments=deployments), CLUSTER, name, DeploymentState.DONE, "all done")
    assert (ended.outcome, ended.reason) == (DeploymentState.ABORTED, "by another call")


def test_step_of_a_deployment_that_ended_meanwhile_decides_again(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.stop_at = "AWAIT_HUMAN"
    name = machine.deploy("1.0.1")
    assert machine.memory.deployments.put(replace(machine.record(name), state=DeploymentState.RUNNING))
    deployments = ThenDeployments(machine.memory.deployments, lambda: end(machine, name, DeploymentState.ABORTED))
    context, passes = replace(machine.context, deployments=deployments), machine.passes[name] + 1
    with pytest.raises(StoreRefused, match="has ended after it was read: decide again"):
        decide_next(context, CLUSTER, name, name, passes)
    assert decide_next(machine.context, CLUSTER, name, name, passes).outcome == "ABORTED"


def test_stage_whose_attempt_went_on_in_another_call_is_skipped(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    task = machine.hand_out(request.deployment, "host-1")
    deployments = machine.memory.deployments

    def close() -> None:
        for attempt in deployments.attempts(request.deployment):
            if attempt.state is AttemptState.STARTED:
                deployments.put_attempt(replace(attempt, state=AttemptState.FAILED, reason="by another call"))

    machine.memory.clock.ticks.append(close)
    assert stages.drain(machine.context, task).outcome == "SKIPPED"
    assert deployments.attempts(request.deployment)[0].reason == "by another call"


def test_task_whose_question_is_gone_is_resumed_at_once(machine: Machine) -> None:
    """Nothing would ever resume it: its token is stored nowhere."""
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    question = machine.memory.deployments.questions(name)[0]
    machine.memory.executions.waiting.add("token")

    class Gone(MemoryDeployments):
        def attach_token(self, question: Question, token: str) -> Question:
            return replace(question, token="")

    deployments = Gone()
    deployments.__dict__.update(machine.memory.deployments.__dict__)
    await_answer(replace(machine.context, deployments=deployments), name, question.id, "token")
    assert "token" not in machine.memory.executions.waiting


def test_answer_without_a_token_signals_nobody(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.stop_at = "AWAIT_HUMAN"
    name = machine.deploy("1.0.1")
    machine.memory.executions.waiting.add("")
    answer = Answer(Choice.ABORT, "grace", "as agreed", machine.now)
    machine.stop_at = ""
    assert machine.decide(name, answer.choice).outcome == "ABORTED"
    assert machine.memory.executions.waiting == {""}, "an empty token is sent to nobody"


def test_unfreeze_lifts_no_freeze_that_it_has_not_read(machine: Machine) -> None:
    scope = str(CLUSTER)
    ada, grace = RequestedBy("ada", "the sale"), RequestedBy("grace", "the database is moved")
    freeze(machine.context, scope, ada)
    read = machine.memory.freezes.all()[0]

    class Late:
        def append(self, entry: AuditEntry) -> None:
            machine.memory.freezes.put(replace(read, by=grace.who, why=grace.why, at=machine.now))

    machine.memory.clock.sleep(1)
    with pytest.raises(Refused, match=r"grace replaced it at .*: the database is moved; see `lifecycle freezes`"):
        unfreeze(replace(machine.context, audit_log=Late()), scope, ada)  # type: ignore[arg-type]
    assert [each.by for each in machine.memory.freezes.all()] == ["grace"]
