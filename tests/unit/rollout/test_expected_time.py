"""A plan tells how long it will take: from the hosts of earlier deployments, or from the timeouts."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lifecycle.application.rollout.observe import past_attempts
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from tests.support.rollout import CLUSTER, Machine


def deployed(machine: Machine, *versions: str) -> list[str]:
    return [machine.deploy(version) for version in versions]


def used(machine: Machine, recent: Sequence[Deployment]) -> list[str]:
    """Return the deployments whose attempts a plan would use."""
    return list(dict.fromkeys(each.deployment for each in past_attempts(machine.context, recent)))


def test_hosts_of_the_last_three_good_deployments_count(machine: Machine) -> None:
    names = deployed(machine, "1.0.1", "1.0.2", "1.0.1", "1.0.2")
    recent = machine.memory.deployments.recent(CLUSTER, 10)
    assert used(machine, recent) == names[:0:-1]
    assert len(past_attempts(machine.context, recent)) == 3 * 4


@pytest.mark.parametrize("state", [DeploymentState.ABORTED, DeploymentState.RUNNING, DeploymentState.DONE])
@pytest.mark.parametrize("kind", [Kind.DEPLOY, Kind.CONVERGE, Kind.ROLLBACK])
def test_repairs_and_deployments_without_a_good_end_do_not_count(
    machine: Machine, state: DeploymentState, kind: Kind
) -> None:
    (name,) = deployed(machine, "1.0.1")
    last = machine.record(name)
    recent = [replace(last, state=state, request=replace(last.request, kind=kind))]
    counts = state is DeploymentState.DONE and kind is not Kind.CONVERGE
    assert used(machine, recent) == ([name] if counts else [])
