"""An attempt without an end is not shown as under way once its deployment has ended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.queries.host_status import HostProgress, view_host_progress
from lifecycle.application.queries.state_words import ATTEMPTS, UNFINISHED
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from tests.support.rollout import Machine


@pytest.mark.parametrize("state", [each for each in AttemptState if not each.ended])
def test_attempt_without_an_end_is_not_under_way_once_its_deployment_has_ended(state: AttemptState) -> None:
    """An execution that was stopped by hand leaves one behind; it had been "installing" for days."""
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.hand_out(request.deployment, "host-1")
    record = machine.record(request.deployment)
    attempt = replace(machine.memory.deployments.attempts(record.id)[0], state=state)
    ended = replace(record, state=DeploymentState.ABORTED, finished_at=machine.now + timedelta(seconds=7))
    machine.memory.clock.sleep(86_400)

    def shown(deployment: Deployment) -> HostProgress:
        progress = view_host_progress(machine.context, deployment, [attempt], ())
        return next(each for each in progress if each.attempt)

    assert shown(record).status == ATTEMPTS[state]
    assert (shown(ended).status, shown(ended).seconds) == (UNFINISHED, 7)
    assert shown(ended).reason == f"{record.id} ended ABORTED while the host was {state}"
