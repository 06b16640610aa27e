"""The pending slot: what it records about the deployment that waits, and what happens to it at the end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.queue import close_pending, start_or_drop_after, take_slot
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.rollout.queue import START_LIMIT, DropPending, PendingDeployment, StartPending, after_end
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from tests.support.refusing import refuse
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


@pytest.mark.parametrize("requested_by", ["delivery", "delivery:no-push"])
@pytest.mark.parametrize("state", [DeploymentState.ABORTED, DeploymentState.REJECTED, DeploymentState.REFUSED])
def test_pending_deployment_of_delivery_starts_whatever_policy_the_ended_one_had(
    machine: Machine, state: DeploymentState, requested_by: str
) -> None:
    """`automatic = true` may be new in the pushed commit. Nobody would ask for its deployment again."""
    ended = replace(queued(machine, "1.0.1"), state=state)
    request = replace(queued(machine, "1.0.2").request, requested_by=requested_by)
    assert isinstance(after_end(ended, PendingDeployment(request, machine.now)), StartPending)


def test_pending_deployment_of_a_free_cluster_starts(machine: Machine) -> None:
    pending = PendingDeployment(queued(machine, "1.0.2").request, machine.now)
    assert after_end(None, pending) == StartPending(pending, "the cluster is free")


def waiting(machine: Machine) -> Deployment:
    """Return a deployment that waits, on a cluster that is free again."""
    machine.deploy("1.0.0")
    record = queued(machine, "1.0.1")
    take_slot(machine.context, record)
    return record


def converge(machine: Machine, minutes: float = 15) -> str:
    """Let time pass, converge, and let what was started end at once without a trace."""
    machine.memory.clock.sleep(60 * minutes)
    kind = converge_all(machine.context, "abcd", "schedule")[0].kind
    machine.memory.executions.running.clear()
    return kind


def test_pending_deployment_that_never_begins_is_refused_after_some_tries(machine: Machine) -> None:
    """Its plan breaks before it records anything, and so does the record of that."""
    record = waiting(machine)
    assert [converge(machine) for _ in range(4)] == ["START_PENDING"] * START_LIMIT + ["DROP_PENDING"]
    closed = machine.record(record.id)
    assert (closed.state, f"{START_LIMIT} executions" in closed.reason) == (DeploymentState.REFUSED, True)
    assert len(machine.memory.executions.rollouts) == START_LIMIT
    assert machine.memory.queue.waiting(CLUSTER) is None
    assert converge(machine) == "CONVERGED"


def test_pending_deployment_is_refused_where_nothing_can_be_started(machine: Machine) -> None:
    record = waiting(machine)
    machine.context = refuse(machine.context, "executions", "start_rollout")
    assert [converge(machine) for _ in range(4)] == ["FAILED"] * START_LIMIT + ["DROP_PENDING"]
    assert machine.record(record.id).state is DeploymentState.REFUSED


def test_start_that_is_repeated_at_once_counts_as_one_try(machine: Machine) -> None:
    """A finish whose answer is lost is called again within seconds, and starts it again."""
    record = waiting(machine)
    ended = machine.memory.deployments.recent(CLUSTER, 2)[1]
    for _ in range(3 * START_LIMIT):
        machine.memory.clock.sleep(5)
        start_or_drop_after(machine.context, CLUSTER, ended)
    assert machine.record(record.id).state is DeploymentState.QUEUED
    assert len(machine.memory.executions.rollouts) == 1


def test_deployment_that_waits_again_has_all_tries_again(machine: Machine) -> None:
    record = waiting(machine)
    assert [converge(machine) for _ in range(START_LIMIT)] == ["START_PENDING"] * START_LIMIT
    assert take_slot(machine.context, record)  # its plan found another deployment with the lease
    assert converge(machine) == "START_PENDING"


def test_deployment_that_waits_for_a_repair_begins_after_the_repair_has_failed() -> None:
    """Found by an end-to-end test on a busy machine: the fix was dropped with the repair that it was to replace."""
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-2").breaks["1.0.0"] = AgentStage.SELF_TESTING
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-2"), running=False))
    machine.memory.clock.sleep(1)
    (found,) = converge_all(machine.context, "ab12", "schedule")
    machine.stop_at = "UPDATE_HOSTS"
    machine.run_what_waited()
    machine.stop_at = ""
    fix = machine.deploy("1.0.1")
    assert machine.record(fix).state is DeploymentState.QUEUED
    machine.run(found.deployment)
    assert machine.record(found.deployment).failed_host == "host-2"
    assert machine.record(machine.run_what_waited()).state is DeploymentState.DONE
    assert machine.installed()["host-2"] == "1.0.1"
