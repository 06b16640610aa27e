"""A look fails or is killed half-way: the next one makes up for it, and the other alarms do not wait."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lifecycle.application.rollout.rollback import request_rollback
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.alarms import Alarm
from lifecycle.domain.rollout.decision import ROLLBACK_REQUEST, Answer, Choice, Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.gateways.memory.deployments import MemoryDeployments
from lifecycle.gateways.memory.executions import MemoryExecutions
from tests.support.rollout import CLUSTER, Machine
from tests.unit.monitoring.scene import BACK, HALT, NAME, Field

GONE = Cluster("production", "gone")


class Killed(BaseException):
    """The function was killed here."""


class Twin(MemoryDeployments):
    """The records of another twin."""

    def __init__(self, real: MemoryDeployments) -> None:
        self.__dict__ = real.__dict__


class WithoutGone(Twin):
    """One cluster cannot be read."""

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        if cluster == GONE:
            raise Unknown("cluster", str(cluster))
        return super().recent(cluster, limit)


class KillsAnswers(Twin):
    """Kills whoever answers."""

    def answer(self, question: Question, answer: Answer) -> Question:
        raise Killed


class KillsWaking(MemoryExecutions):
    """Kills whoever wakes an execution."""

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        raise Killed


@pytest.fixture
def field() -> Field:
    return Field(BACK)


def killed(field: Field, **twins: object) -> None:
    """A look that is killed, and a next one in a world that is well."""
    context = field.machine.context
    field.machine.context = replace(context, **twins)  # type: ignore[arg-type]
    with pytest.raises(Killed):
        field.looks()
    field.machine.context = context


def waiting(policy: Policy) -> tuple[Field, str, str]:
    """A deployment that waits for an approval after its first host, and the token it waits with."""
    field = Field(replace(policy, approval=ApprovalGate.AFTER_FIRST_HOST))
    field.machine.approve(field.newest.id, Choice.APPROVE)
    name = field.machine.deploy("1.0.1")
    (question,) = field.machine.memory.deployments.questions(name)
    field.machine.memory.executions.waiting.add(question.token)
    return field, name, question.token


def answers(machine: Machine, name: str) -> list[str]:
    return [
        e.who
        for e in machine.memory.audit_log.entries
        if (e.deployment, e.what) == (name, "answered ROLL_BACK")
    ]


def test_a_cluster_that_cannot_be_read_does_not_keep_the_others_waiting(field: Field) -> None:
    name = field.begun()
    field.alarms.put(Alarm("lc-p-gone-errors", GONE, True, field.machine.now, "", ""))
    field.rings()
    field.machine.context = replace(
        field.machine.context, deployments=WithoutGone(field.machine.memory.deployments)
    )
    failed, followed = field.watched()
    assert (failed.alarm, failed.kind) == ("lc-p-gone-errors", "FAILED")
    assert "cluster 'production/gone' not found" in failed.reason
    assert (followed.kind, followed.deployment) == ("GO_BACK", name)


def test_a_request_that_was_killed_before_its_answer_is_completed(field: Field) -> None:
    name = field.begun()
    field.rings()
    killed(field, deployments=KillsAnswers(field.machine.memory.deployments))
    assert field.looks() == ["GO_BACK"]
    field.machine.run(name)
    assert field.machine.record(name).state is DeploymentState.ROLLED_BACK
    assert set(field.machine.installed().values()) == {"1.0.0"}
    assert len(field.trail()) == 1


@pytest.mark.parametrize("policy", [BACK, HALT])
def test_what_waits_is_woken_by_the_next_look(policy: Policy) -> None:
    field, name, token = waiting(policy)
    field.rings()
    if policy is BACK:
        killed(field, executions=KillsWaking())
    else:
        asked = replace(field.machine.context, executions=KillsWaking())
        with pytest.raises(Killed):
            request_rollback(asked, CLUSTER, name, Answer(Choice.ROLL_BACK, "ada", "slow", field.machine.now))
    executions = field.machine.memory.executions
    assert executions.waiting == {token}
    assert field.looks() == ["WAKE"]
    assert executions.waiting == set()
    assert field.looks() == ["WAKE"]
    assert len(answers(field.machine, name)) == 1


def test_a_request_for_a_rollback_may_be_repeated() -> None:
    field, name, token = waiting(HALT)
    machine = field.machine
    asked = replace(machine.context, executions=KillsWaking())
    with pytest.raises(Killed):
        request_rollback(asked, CLUSTER, name, Answer(Choice.ROLL_BACK, "ada", "slow", machine.now))
    machine.memory.clock.sleep(1)
    again = Answer(Choice.ROLL_BACK, "ada", "slow", machine.now)
    question = request_rollback(machine.context, CLUSTER, name, again)
    assert question.id == ROLLBACK_REQUEST
    assert question.answer
    assert question.answer.at < again.at
    assert token not in machine.memory.executions.waiting
    assert answers(machine, name) == ["ada"]


def test_somebody_else_who_asks_again_is_told_whose_it_was_and_wakes_it_too() -> None:
    field, name, token = waiting(HALT)
    machine = field.machine
    request_rollback(machine.context, CLUSTER, name, Answer(Choice.ROLL_BACK, "ada", "slow", machine.now))
    machine.memory.executions.waiting.add(token)
    with pytest.raises(Refused, match="ada answered ROLL_BACK at"):
        request_rollback(machine.context, CLUSTER, name, Answer(Choice.ROLL_BACK, "bob", "", machine.now))
    assert token not in machine.memory.executions.waiting


def test_a_repeat_after_the_rollback_has_begun_changes_nothing(field: Field) -> None:
    name = field.begun()
    field.rings()
    field.looks(NAME)
    field.machine.run(name)
    before = list(field.machine.memory.deployments.recent(CLUSTER, 50))
    assert field.looks(NAME) == ["NOTHING"]
    assert field.machine.memory.deployments.recent(CLUSTER, 50) == before
