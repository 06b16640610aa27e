"""Convergence resumes a deployment at once, then less and less often, and asks before it goes on for ever."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.decide import answer_deployment
from lifecycle.application.rollout.next_step import decide_next
from lifecycle.domain.convergence.resume import FIRST_PAUSE, RESUME_LIMIT
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Answer, Choice, QuestionKind
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.refusing import refuse
from tests.support.rollout import CLUSTER, Machine


@pytest.fixture
def machine() -> Machine:
    """A cluster with a planned deployment, whose executions end without a step."""
    made = Machine()
    made.deploy("1.0.0")
    made.memory.clock.sleep(1)
    assert made.begin(made.request("1.0.1")).kind == "PLANNED"
    return made


def name(machine: Machine) -> str:
    return machine.memory.leases.current(CLUSTER).deployment


def converge(machine: Machine, minutes: float = 0.0) -> str:
    """Let time pass, converge, and let the execution that was started end at once."""
    machine.memory.clock.sleep(60 * minutes)
    kind = converge_all(machine.context, "abcd", "schedule")[0].kind
    machine.memory.executions.running.clear()
    return kind


def until_asked(machine: Machine) -> None:
    for _ in range(200):
        if converge(machine, 5) == "PAUSED":
            return
    pytest.fail("nobody was asked")


def test_first_lost_execution_is_resumed_at_once_and_each_further_one_later(machine: Machine) -> None:
    first = FIRST_PAUSE / timedelta(minutes=1)
    assert [converge(machine), converge(machine)] == ["RESUME", "HOLD"]
    assert [converge(machine, first - 1), converge(machine, 1)] == ["HOLD", "RESUME"]
    assert [converge(machine, 2 * first - 1), converge(machine, 1)] == ["HOLD", "RESUME"]
    assert converge(machine) == "PAUSED"


def test_human_is_asked_once(machine: Machine) -> None:
    until_asked(machine)
    assert len(machine.memory.executions.rollouts) == RESUME_LIMIT
    record = machine.record(name(machine))
    (question,) = machine.memory.deployments.questions(record.id)
    assert (record.state, question.kind) == (DeploymentState.PAUSED, QuestionKind.RESUME)
    assert "without a step" in record.reason
    entry = machine.memory.audit_log.read(CLUSTER)[-1]
    assert (entry.what, entry.who, entry.why) == ("pause", "lifecycle", record.reason)
    assert converge(machine, 5) == "HOLD"
    assert len(machine.memory.deployments.questions(record.id)) == 1


@pytest.mark.parametrize(("choice", "then"), [(Choice.RESUME, "RESUME"), (Choice.ABORT, "ABORTED")])
def test_answer_is_acted_on_at_the_next_convergence(machine: Machine, choice: Choice, then: str) -> None:
    until_asked(machine)
    answer_deployment(
        machine.context, CLUSTER, name(machine), Answer(choice, "grace", "it is mended", machine.now + timedelta(1))
    )
    holder = name(machine)
    assert converge(machine) == then
    assert machine.record(holder).state.final is (choice is Choice.ABORT)


def test_executions_are_tried_seldom_while_the_decision_is_pending(machine: Machine) -> None:
    until_asked(machine)
    kinds = [converge(machine, 15) for _ in range(96)]
    assert 4 <= kinds.count("RESUME") <= 7


def test_step_that_came_back_ends_the_count(machine: Machine) -> None:
    holder = name(machine)
    for minutes in (0, 15, 30):
        assert converge(machine, minutes) == "RESUME"
    decide_next(machine.context, CLUSTER, holder, f"{holder}_4", 1)  # its answer may have been lost
    assert machine.record(holder).resumptions.count == RESUME_LIMIT
    decide_next(machine.context, CLUSTER, holder, f"{holder}_4", 2)
    assert machine.record(holder).resumptions.count == 0


def test_halt_that_survives_many_restarts_asks_nothing_more() -> None:
    machine = Machine()
    machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    holder = machine.deploy("1.0.0")
    asked = len(machine.memory.deployments.questions(holder))
    kinds = [converge(machine, 15) for _ in range(96)]
    assert "PAUSED" not in kinds
    assert len(machine.memory.deployments.questions(holder)) == asked
    assert machine.record(holder).state is DeploymentState.HALTED
    machine.decide(holder, Choice.RETRY, "host-2")
    assert converge(machine) in ("RESUME", "HOLD")


def test_nothing_is_started_while_the_try_cannot_be_recorded(machine: Machine) -> None:
    machine.context = refuse(machine.context, "deployments", "put")
    assert [converge(machine, minutes) for minutes in (0, 1, 15)] == ["FAILED"] * 3
    assert machine.memory.executions.rollouts == {}


def test_human_is_asked_where_no_execution_can_be_started(machine: Machine) -> None:
    machine.context = refuse(machine.context, "executions", "start_rollout")
    until_asked(machine)
    assert machine.record(name(machine)).state is DeploymentState.PAUSED


def test_try_is_recorded_before_its_execution_can_write(machine: Machine) -> None:
    """The execution that starts may write the record at once; nothing may write over it."""
    holder = name(machine)

    def starts(name: str, payload: Mapping[str, Any]) -> bool:
        del name, payload
        record = machine.record(holder)
        assert (record.execution, record.resumptions.count) == (f"{holder}_2", 1)
        machine.memory.deployments.put(replace(record, state=DeploymentState.HALTED))
        return True

    machine.memory.executions.start_rollout = starts  # type: ignore[method-assign]
    assert converge(machine) == "RESUME"
    assert machine.record(holder).state is DeploymentState.HALTED
