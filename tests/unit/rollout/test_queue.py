"""The pending slot: what it records about the deployment that waits, and what happens to it at the end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.rollout.queue import close_pending, take_slot
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.rollout.queue import DropPending, PendingDeployment, StartPending, after_end
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from tests.support.rollout import CLUSTER, Machine


def queued(machine: Machine, version: str, reason: str = "") -> Deployment:
    """Return a deployment that waits, which was requested a second later than the one before."""
    machine.memory.clock.sleep(1)
    request = machine.request(version, reason=reason)
    return Deployment.not_begun(request, Target(version, ""), Policy(), machine.now, "it waits for d-1")


def recorded(machine: Machine, deployment: str) -> list[tuple[str, str, str]]:
    entries = machine.memory.audit_log.entries
    return [(each.what, each.who, each.why) for each in entries if each.deployment == deployment]


def test_queued_deployment_is_recorded_with_both_reasons(machine: Machine) -> None:
    record = queued(machine, "1.0.1", "new prices")
    assert take_slot(machine.context, record)
    assert machine.memory.queue.waiting(CLUSTER) == PendingDeployment(record.request, record.started_at)
    assert recorded(machine, record.id) == [("queued 1.0.1", "ada", "new prices; it waits for d-1")]


def test_queued_deployment_without_a_reason_is_recorded_with_why_it_waits(machine: Machine) -> None:
    record = queued(machine, "1.0.1")
    take_slot(machine.context, record)
    assert recorded(machine, record.id) == [("queued 1.0.1", "ada", "it waits for d-1")]


def test_slot_that_is_taken_again_is_recorded_once(machine: Machine) -> None:
    record = queued(machine, "1.0.1")
    assert take_slot(machine.context, record)
    assert take_slot(machine.context, replace(record, started_at=record.started_at + timedelta(minutes=1)))
    assert len(recorded(machine, record.id)) == 1
    assert machine.record(record.id).started_at == record.started_at


def test_older_deployment_is_superseded_and_recorded(machine: Machine) -> None:
    older, newer = queued(machine, "1.0.1"), queued(machine, "1.0.2")
    take_slot(machine.context, older)
    assert take_slot(machine.context, newer)
    why = f"{newer.id} (1.0.2) is newer and takes its place"
    assert recorded(machine, older.id)[-1] == ("superseded", "lifecycle", why)
    closed = machine.record(older.id)
    assert (closed.state, closed.reason, closed.finished_at) == (DeploymentState.SUPERSEDED, why, machine.now)


def test_late_deployment_is_superseded_by_the_newer_one_that_waits(machine: Machine) -> None:
    late, newer = queued(machine, "1.0.1"), queued(machine, "1.0.2")
    take_slot(machine.context, newer)
    assert not take_slot(machine.context, late)
    why = f"{newer.id} is newer and pending already"
    assert recorded(machine, late.id) == [("superseded", "ada", why)]
    assert machine.record(late.id).finished_at == late.started_at
    waiting = machine.memory.queue.waiting(CLUSTER)
    assert waiting is not None
    assert waiting.request.deployment == newer.id


def test_pending_deployment_is_closed_once_and_leaves_its_slot(machine: Machine) -> None:
    record = queued(machine, "1.0.1")
    take_slot(machine.context, record)
    for _ in range(2):
        close_pending(machine.context, record.request, DeploymentState.REFUSED, "it is bad")
    assert recorded(machine, record.id)[1:] == [("refused", "lifecycle", "it is bad")]
    assert machine.memory.queue.waiting(CLUSTER) is None


def test_close_of_another_deployment_leaves_the_slot(machine: Machine) -> None:
    record, other = queued(machine, "1.0.1"), queued(machine, "1.0.2")
    take_slot(machine.context, record)
    close_pending(machine.context, other.request, DeploymentState.REFUSED, "it is bad")
    assert machine.memory.queue.waiting(CLUSTER) is not None
    assert recorded(machine, other.id) == []


@pytest.mark.parametrize(
    ("state", "kind", "automatic", "starts"),
    [
        (DeploymentState.DONE, Kind.DEPLOY, False, True),
        (DeploymentState.DONE, Kind.CONVERGE, False, True),
        (DeploymentState.DONE, Kind.ROLLBACK, False, False),
        (DeploymentState.ABORTED, Kind.DEPLOY, False, False),
        (DeploymentState.REJECTED, Kind.DEPLOY, False, False),
        (DeploymentState.ABORTED, Kind.DEPLOY, True, True),
        (DeploymentState.DONE, Kind.ROLLBACK, True, True),
    ],
)
def test_pending_deployment_starts_after_a_good_end_or_where_all_is_automatic(
    machine: Machine,
    state: DeploymentState,
    kind: Kind,
    automatic: bool,  # noqa: FBT001
    starts: bool,  # noqa: FBT001
) -> None:
    ended = queued(machine, "1.0.1")
    ended = replace(ended, state=state, request=replace(ended.request, kind=kind), policy=Policy(automatic=automatic))
    pending = PendingDeployment(queued(machine, "1.0.2").request, machine.now)
    step = after_end(ended, pending)
    assert step.waiting == pending
    assert isinstance(step, StartPending if starts else DropPending)
    if isinstance(step, DropPending):
        outcome = "was rolled back" if kind is Kind.ROLLBACK else f"ended {state}"
        assert step.reason.startswith(f"{ended.id} {outcome} while 1.0.2 waited for it")


def test_pending_deployment_of_a_free_cluster_starts(machine: Machine) -> None:
    pending = PendingDeployment(queued(machine, "1.0.2").request, machine.now)
    assert after_end(None, pending) == StartPending(pending, "the cluster is free")
