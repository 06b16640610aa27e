"""A plan tells how long it will take: from the hosts of earlier deployments, or from the timeouts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.rollout.observe import observed, past_attempts
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.rollout.plan import Plan, plan
from lifecycle.domain.service.policy import Policy
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


def planned(machine: Machine, past: Sequence[int], policy: Policy) -> Plan:
    """Return the plan of a new version, after hosts that took so many seconds."""
    request = machine.request("1.0.1")
    found = observed(machine.context, request)
    deployed(machine, "1.0.1")
    attempt = machine.memory.deployments.attempts(machine.memory.deployments.recent(CLUSTER, 1)[0].id)[0]
    took = [replace(attempt, finished_at=attempt.started_at + timedelta(seconds=each)) for each in past]
    changed = replace(
        found,
        past=(*took, replace(attempt, finished_at=None)),
        manifest=replace(
            found.manifest,
            policies={"production": policy},
            run=replace(found.manifest.run, start_seconds=20, stop_seconds=15),
            self_test=replace(found.manifest.self_test, timeout_seconds=30),
        ),
        has_test_bed=True,
        minute=timedelta(seconds=30),
    )
    return plan(request, changed, machine.now, timedelta(seconds=30))


@pytest.mark.parametrize(
    ("past", "each", "source"),
    [
        ((40,), 40, "the last host"),
        ((90, 10, 40), 40, "the median of the last 3 hosts"),
        ((), 75, "the sum of its timeouts, because nothing was deployed here before"),
    ],
)
def test_every_host_takes_the_median_or_its_timeouts(
    machine: Machine, past: Sequence[int], each: int, source: str
) -> None:
    found = planned(machine, past, Policy())
    assert (found.expected_seconds, found.expected_from) == (4 * each, source)


def test_test_bed_takes_its_minutes_and_the_restart_of_a_control(machine: Machine) -> None:
    found = planned(machine, (40,), Policy(bake_minutes=10))
    assert found.expected_seconds == 5 * 40 + 10 * 30
    assert found.expected_from == "the last host, and the test bed"
