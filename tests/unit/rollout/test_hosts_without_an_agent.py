"""A stage fails its host when nothing is known of the host any more, and names the reason."""

from collections.abc import Sequence

import pytest

from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.rollout.attempt import AttemptState
from tests.support.rollout import CHAIN, CLUSTER, Machine

HOST = "host-2"


def task_after(machine: Machine, stages: Sequence[int]) -> HostTask:
    """Return the task of a host that has passed these stages."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    task = machine.hand_out(request.deployment, HOST)
    for number in stages:
        assert CHAIN[number](machine.context, task).outcome == "PASSED"
    return task


@pytest.mark.parametrize("number", range(len(CHAIN)), ids=[stage.__name__ for stage in CHAIN])
def test_host_that_was_removed_fails_its_stage(machine: Machine, number: int) -> None:
    task = task_after(machine, range(number))
    machine.memory.fleet.remove(CLUSTER, HOST)
    assert CHAIN[number](machine.context, task).outcome == "FAILED"
    attempt = machine.memory.deployments.attempts(task.deployment)[-1]
    assert attempt.state is AttemptState.FAILED
    assert attempt.reason in (f"{HOST} has no agent", f"{HOST} reports no self-test")
