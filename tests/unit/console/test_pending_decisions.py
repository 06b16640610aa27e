"""The view of what waits shows forty of each kind and counts the rest."""

from dataclasses import replace
from datetime import timedelta

from lifecycle.application.queries.pending_decisions import MOST, view_pending_decisions
from lifecycle.application.queries.scope import Scope
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import DeploymentState, deployment_id
from lifecycle.domain.rollout.queue import PendingDeployment
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk


def known(desk: Desk, service: str) -> Cluster:
    cluster = Cluster("production", service)
    desk.machine.memory.registry.set_desired(cluster, Desired("1.0.0", "d" * 64, 1, "d-1"))
    return cluster


def waits_for_a_lease(desk: Desk, number: int) -> None:
    """Store a deployment that waits for its cluster."""
    cluster = known(desk, f"queued-{number}")
    name = deployment_id(cluster, desk.machine.now, "aaaa")
    request = replace(desk.machine.request("1.0.1"), deployment=name, service=cluster.service)
    desk.machine.memory.queue.replace(cluster, None, PendingDeployment(request, desk.machine.now))


def waits_for_a_human(desk: Desk, number: int) -> None:
    """Store a deployment with a question, asked `number` minutes ago."""
    cluster, machine = known(desk, f"asked-{number}"), desk.machine
    name = deployment_id(cluster, machine.now, "aaaa")
    request = replace(machine.request("1.0.1"), deployment=name, service=cluster.service)
    last = machine.memory.deployments.recent(CLUSTER, 1)[0]
    machine.memory.deployments.put(replace(last, request=request, state=DeploymentState.RUNNING, execution=name))
    machine.memory.leases.acquire(cluster, name, machine.now)
    at = machine.now - timedelta(minutes=number)
    machine.memory.deployments.ask(Question(name, "resume-1", QuestionKind.RESUME, (Choice.RESUME,), "paused", at))


def test_rest_of_both_kinds_is_counted(desk: Desk) -> None:
    for number in range(1, MOST + 2):
        waits_for_a_human(desk, number)
    for number in range(MOST + 3):
        waits_for_a_lease(desk, number)
    view = view_pending_decisions(desk.query, Scope())
    assert (len(view.pending), len(view.queued), view.more) == (MOST, MOST, 1 + 3)


def test_longest_waiting_decision_comes_first(desk: Desk) -> None:
    for number in (2, 3, 1):
        waits_for_a_human(desk, number)
    view = view_pending_decisions(desk.query, Scope())
    assert [each.cluster.service for each in view.pending] == ["asked-3", "asked-2", "asked-1"]
    assert (view.queued, view.more) == ((), 0)


def test_queued_deployments_come_by_cluster(desk: Desk) -> None:
    for number in (2, 1):
        waits_for_a_lease(desk, number)
    view = view_pending_decisions(desk.query, Scope())
    assert [each.cluster.service for each in view.queued] == ["queued-1", "queued-2"]
    assert (view.pending, view.more) == ((), 0)
