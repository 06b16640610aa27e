"""Attempts are on record before anything happens to their hosts, so that one without an end is lost."""

from dataclasses import replace

import pytest

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.next_step import Decided, decide_next
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.service.policy import Policy
from tests.fakes.deployments import MemoryDeployments
from tests.support.rollout import CLUSTER, Machine


class Rollout(Machine):
    """A rollout of 1.0.1 that was planned, on a cluster that serves 1.0.0."""

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__(policy=policy)
        self.deploy("1.0.0")
        self.memory.clock.sleep(1)
        request = self.request("1.0.1")
        self.name = request.deployment
        assert self.begin(request).kind == "PLANNED"

    def step(self, round_: int, execution: str = "") -> Decided:
        return decide_next(self.context, CLUSTER, self.name, execution or self.name, round_)

    def attempts(self) -> list[HostAttempt]:
        return list(self.memory.deployments.attempts(self.name))

    def run_chain(self, step: Decided) -> None:
        for given in step.hosts:
            self.update(self.name, str(given["host"]), int(given["attempt"]))


@pytest.fixture
def rollout() -> Rollout:
    return Rollout()


def test_attempt_is_written_when_its_host_is_handed_out(rollout: Rollout) -> None:
    step = rollout.step(1)
    (attempt,) = rollout.attempts()
    assert [(each["host"], each["attempt"]) for each in step.hosts] == [(attempt.host, attempt.number)]
    assert (attempt.state, attempt.visit) == (AttemptState.STARTED, Visit(rollout.name, 1))
    assert step.round == 2


@pytest.mark.parametrize("unavailable", [1, 2])
def test_repeated_call_hands_out_the_same_attempt(unavailable: int) -> None:
    rollout = Rollout(Policy(max_unavailable=unavailable))
    first = rollout.step(1)
    again = rollout.step(1)
    assert sorted(str(each) for each in again.hosts) == sorted(str(each) for each in first.hosts)
    assert len(rollout.attempts()) == unavailable
    rollout.run_chain(again)
    assert {each.state for each in rollout.attempts()} == {AttemptState.ALIVE}


def test_repeated_call_hands_out_the_same_attempt_during_a_pause(rollout: Rollout) -> None:
    """Otherwise it would be lost, although nothing has begun."""
    first = rollout.step(1)
    rollout.tell(rollout.name, Choice.PAUSE)
    assert rollout.step(1).hosts == first.hosts
    rollout.run_chain(first)
    assert rollout.step(2).kind == "AWAIT_HUMAN"
    assert rollout.record(rollout.name).state is DeploymentState.PAUSED


def test_attempt_without_a_word_is_asked_about_in_the_next_round(rollout: Rollout) -> None:
    rollout.step(1)
    step = rollout.step(2)
    (attempt,) = rollout.attempts()
    assert (step.kind, attempt.state) == ("AWAIT_HUMAN", AttemptState.FAILED)
    assert rollout.record(rollout.name).state is DeploymentState.HALTED
    assert "lost after it was STARTED" in rollout.record(rollout.name).reason
    assert [entry.what for entry in rollout.memory.audit_log.read(CLUSTER)][-1] == f"halted at {attempt.host}"


def test_attempt_of_another_execution_is_lost(rollout: Rollout) -> None:
    rollout.step(1)
    assert rollout.step(1, f"{rollout.name}_2").kind == "AWAIT_HUMAN"


def test_attempt_that_a_definition_without_rounds_lost_is_asked_about(rollout: Rollout) -> None:
    rollout.step(0)
    assert rollout.step(0).kind == "AWAIT_HUMAN"


@pytest.mark.parametrize("checkpoint_from", [0, 40])
def test_call_that_comes_too_late_changes_nothing(rollout: Rollout, checkpoint_from: int) -> None:
    rollout.context = replace(rollout.context, checkpoint_from=checkpoint_from)
    for number in (1, 2):
        rollout.run_chain(rollout.step(number))
    before = rollout.attempts()
    for late in (1, 2):
        with pytest.raises(StoreRefused, match="this call is too late"):
            rollout.step(late)
    assert rollout.attempts() == before
    assert rollout.step(3).kind == "UPDATE_HOSTS"


class Racing(MemoryDeployments):
    """Deployments in which another loop hands out the next host first."""

    def __init__(self, of: MemoryDeployments) -> None:
        self.__dict__.update(of.__dict__)

    def begin_attempt(self, attempt: HostAttempt) -> bool:
        super().begin_attempt(replace(attempt, execution=f"{attempt.execution}_2"))
        return super().begin_attempt(attempt)


def test_host_that_another_loop_hands_out_at_the_same_time_is_not_handed_out_twice(rollout: Rollout) -> None:
    rollout.context = replace(rollout.context, deployments=Racing(rollout.memory.deployments))
    assert rollout.step(1).kind == "AWAIT_HUMAN"


def test_stage_begins_no_attempt(rollout: Rollout) -> None:
    task = replace(rollout.hand_out(rollout.name, "host-1"), host="host-2")
    assert stages.drain(rollout.context, task).outcome == "SKIPPED"
    assert "host-2" in rollout.serving()


def test_wait_for_a_question_grows_with_its_age(rollout: Rollout) -> None:
    rollout.step(1)
    waits = [rollout.step(2).seconds]
    for number in range(3, 13):
        rollout.memory.clock.sleep(waits[-1])
        waits.append(rollout.step(number).seconds)
    assert waits == [15, 15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
