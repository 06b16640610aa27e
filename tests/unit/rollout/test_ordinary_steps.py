"""A step begins a checkpoint's shortcut only where nothing but hosts is left to decide on."""

from dataclasses import replace

import pytest

from lifecycle.application.rollout import observe
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.checkpoint import checkpoint_of
from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.rollout.steps import Facts, UpdateHosts
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from tests.support.rollout import CLUSTER, Machine

STEP = UpdateHosts((("host-3", 1),), (), "next", waiting=(("host-3", 1), ("host-4", 1)))


@pytest.fixture
def facts(machine: Machine) -> Facts:
    """The facts of a rollout that has updated its first host."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    name = request.deployment
    machine.begin(request)
    machine.hand_out(name, "host-1", 1)
    machine.update(name, "host-1", 1)
    return observe.facts(
        machine.context, machine.record(name), machine.memory.leases.current(CLUSTER), Visit(name, 2)
    )


def is_ordinary(facts: Facts, step: UpdateHosts = STEP) -> bool:
    return checkpoint_of(facts, step, None).baseline is not None


def test_step_after_an_updated_host_is_ordinary(facts: Facts) -> None:
    assert [each.state for each in facts.attempts] == [AttemptState.ALIVE]
    assert is_ordinary(facts)


def test_first_step_is_not_ordinary(facts: Facts) -> None:
    assert not is_ordinary(replace(facts, attempts=()))


def test_restarted_control_is_no_updated_host(facts: Facts) -> None:
    control = replace(facts.attempts[0], group=Group.CONTROL)
    assert not is_ordinary(replace(facts, attempts=(control,)))
    assert is_ordinary(replace(facts, attempts=(control, replace(facts.attempts[0], host="host-2"))))


def test_open_failure_is_not_ordinary_until_it_is_answered(facts: Facts) -> None:
    alive = facts.attempts[0]
    failed = replace(alive, host="host-2", state=AttemptState.FAILED)
    now = facts.deployment.started_at
    asked = Question(
        alive.deployment,
        "decision-host-2-1-0",
        QuestionKind.DECISION,
        (Choice.SKIP_HOST,),
        "it failed",
        now,
        host="host-2",
        attempt=1,
        answer=Answer(Choice.SKIP_HOST, "ada", "", now),
    )
    halted = replace(facts, attempts=(alive, failed))
    assert not is_ordinary(halted)
    assert not is_ordinary(replace(halted, questions=(replace(asked, answer=None),)))
    assert is_ordinary(replace(halted, questions=(asked,)))


@pytest.mark.parametrize("state", list(BedState))
def test_step_beside_a_baking_test_bed_is_not_ordinary(facts: Facts, state: BedState) -> None:
    bed = TestBed(facts.deployment.id, 1, "host-1", 1, "host-2", 1, facts.deployment.started_at, 10, state=state)
    assert is_ordinary(replace(facts, beds=(bed,))) is (state is not BedState.BAKING)


def test_step_of_a_test_bed_or_beside_one_is_not_ordinary(facts: Facts) -> None:
    assert not is_ordinary(facts, replace(STEP, group=Group.TEST_BED))
    in_group = {**facts.rotation, "host-1": TargetState.TEST_GROUP}
    assert not is_ordinary(replace(facts, rotation=in_group))
