"""A check of alarms fails or is killed half-way: the next one completes it, and the other alarms do not wait."""

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
from tests.fakes.deployments import MemoryDeployments
from tests.fakes.executions import MemoryExecutions
from tests.support.rollout import CLUSTER, Machine
from tests.unit.monitoring.scene import BACK, HALT, NAME, Field

GONE = Cluster("production", "gone")


class Killed(BaseException):
    """The end of a killed function."""


class SharedRecords(MemoryDeployments):
    """Records that share the state of others."""

    def __init__(self, real: MemoryDeployments) -> None:
        self.__dict__ = real.__dict__


class WithoutGone(SharedRecords):
    """Records of which one cluster cannot be read."""

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        if cluster == GONE:
            raise Unknown("cluster", str(cluster))
        return super().recent(cluster, limit)


class KillsAnswers(SharedRecords):
    """Records that kill the caller that answers."""

    def answer(self, question: Question, answer: Answer) -> Question:
        raise Killed


class KillsResume(MemoryExecutions):
    """Executions that kill the caller that resumes one."""

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        raise Killed


@pytest.fixture
def field() -> Field:
    return Field(BACK)


def killed(field: Field, **fakes: object) -> None:
    """Run one check that is killed, with these fakes, then restore the context."""
    context = field.machine.context
    field.machine.context = replace(context, **fakes)  # type: ignore[arg-type]
    with pytest.raises(Killed):
        field.kinds()
    field.machine.context = context


def waiting(policy: Policy) -> tuple[Field, str, str]:
    """Return a deployment that waits for an approval after its first host, and its token."""
    field = Field(replace(policy, approval=ApprovalGate.AFTER_FIRST_HOST))
    field.machine.approve(field.newest.id, Choice.APPROVE)
    name = field.machine.deploy("1.0.1")
    (question,) = field.machine.memory.deployments.questions(name)
    field.machine.memory.executions.waiting.add(question.token)
    return field, name, question.token


def answers(machine: Machine, name: str) -> list[str]:
    return [e.who for e in machine.memory.audit_log.entries if (e.deployment, e.what) == (name, "answered ROLL_BACK")]


def test_unreadable_cluster_does_not_block_the_others(field: Field) -> None:
    name = field.begun()
    field.alarms.put(Alarm("lc-p-gone-errors", GONE, True, field.machine.now, "", ""))
    field.rings()
    field.machine.context = replace(field.machine.context, deployments=WithoutGone(field.machine.memory.deployments))
    failed, followed = field.check()
    assert (failed.alarm, failed.kind) == ("lc-p-gone-errors", "FAILED")
    assert "cluster 'production/gone' not found" in failed.reason
    assert (followed.kind, followed.deployment) == ("REQUEST_ROLLBACK", name)


def test_rollback_request_killed_before_its_answer_is_completed(field: Field) -> None:
    name = field.begun()
    field.rings()
    killed(field, deployments=KillsAnswers(field.machine.memory.deployments))
    assert field.kinds() == ["REQUEST_ROLLBACK"]
    field.machine.run(name)
    assert field.machine.record(name).state is DeploymentState.ROLLED_BACK
    assert set(field.machine.installed().values()) == {"1.0.0"}
    assert len(field.audit_entries()) == 1


@pytest.mark.parametrize("policy", [BACK, HALT])
def test_next_check_resumes_a_waiting_execution(policy: Policy) -> None:
    field, name, token = waiting(policy)
    field.rings()
    if policy is BACK:
        killed(field, executions=KillsResume())
    else:
        asked = replace(field.machine.context, executions=KillsResume())
        with pytest.raises(Killed):
            request_rollback(asked, CLUSTER, name, Answer(Choice.ROLL_BACK, "ada", "slow", field.machine.now))
    executions = field.machine.memory.executions
    assert executions.waiting == {token}
    assert field.kinds() == ["RESUME"]
    assert executions.waiting == set()
    assert field.kinds() == ["RESUME"]
    assert len(answers(field.machine, name)) == 1


def test_rollback_request_may_be_repeated() -> None:
    field, name, token = waiting(HALT)
    machine = field.machine
    asked = replace(machine.context, executions=KillsResume())
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


def test_request_of_another_operator_is_refused_and_still_resumes() -> None:
    field, name, token = waiting(HALT)
    machine = field.machine
    request_rollback(machine.context, CLUSTER, name, Answer(Choice.ROLL_BACK, "ada", "slow", machine.now))
    machine.memory.executions.waiting.add(token)
    with pytest.raises(Refused, match="ada answered ROLL_BACK at"):
        request_rollback(machine.context, CLUSTER, name, Answer(Choice.ROLL_BACK, "bob", "", machine.now))
    assert token not in machine.memory.executions.waiting


def test_check_after_the_rollback_has_begun_changes_nothing(field: Field) -> None:
    name = field.begun()
    field.rings()
    field.kinds(NAME)
    field.machine.run(name)
    before = list(field.machine.memory.deployments.recent(CLUSTER, 50))
    assert field.kinds(NAME) == ["NOTHING"]
    assert field.machine.memory.deployments.recent(CLUSTER, 50) == before
