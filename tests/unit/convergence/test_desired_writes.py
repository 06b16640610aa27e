"""Every write of the desired version is on record before it happens, so no loss of a call makes it nobody's."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.application.context import Context
from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.plan import begin
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.desired_writes import NO_WRITES
from lifecycle.domain.rollout.provenance import HandMade
from tests.fakes.deployments import MemoryDeployments
from tests.fakes.registry import MemoryRegistry
from tests.support.rollout import CLUSTER, Machine, manifest


class Killed(RuntimeError):
    """The end of a call in the middle."""


class Killing(MemoryRegistry):
    """A registry whose writer is killed, before its write or after it."""

    def __init__(self, machine: Machine, *, after: bool) -> None:
        self.__dict__.update(machine.memory.registry.__dict__)
        self._after = after

    def set_desired(self, cluster: Cluster, desired: Desired) -> None:
        if self._after:
            super().set_desired(cluster, desired)
        raise Killed


@pytest.fixture
def machine() -> Machine:
    """A cluster whose desired version is 1.0.0, written by a deployment."""
    made = Machine()
    made.deploy("1.0.0")
    return made


def killed(machine: Machine, call: Callable[[Context], object], *, after: bool) -> None:
    """Let a call be killed at its write of the desired version."""
    with pytest.raises(Killed):
        call(replace(machine.context, registry=Killing(machine, after=after)))


def planned(machine: Machine, version: str, *, after: bool) -> Request:
    """Return a request whose plan was killed at its write, while it holds the lease."""
    machine.memory.clock.sleep(1)
    request = machine.request(version)
    killed(machine, lambda context: begin(context, request, request.deployment), after=after)
    return request


def stored(machine: Machine, name: str, **changes: object) -> None:
    """Change a deployment's record as no call would."""
    changed = replace(machine.record(name), **changes)  # type: ignore[arg-type]
    machine.memory.deployments._deployments[CLUSTER, name] = changed


def kind(machine: Machine) -> HandMade | None:
    """Return how the desired version is nobody's, if it is."""
    recent = machine.memory.deployments.recent_without_hosts(CLUSTER, 50)
    found = read_desired(machine.context, CLUSTER, machine.memory.leases.current(CLUSTER), recent).nobodys
    return found.kind if found else None


def desired(machine: Machine) -> Desired:
    found = machine.memory.registry.desired(CLUSTER)
    assert found is not None
    return found


def edit(machine: Machine, **changes: object) -> None:
    machine.memory.registry.set_desired(CLUSTER, replace(desired(machine), **changes))  # type: ignore[arg-type]


def test_plan_that_was_lost_before_its_write_makes_the_older_version_not_nobodys(machine: Machine) -> None:
    """Seed 30857 of the simulation: the end of the deployment gave its record the epoch of the lease."""
    before = desired(machine)
    stored(
        machine, before.deployment, state=DeploymentState.ABORTED
    )  # no version was verified, so none is given back
    lost = planned(machine, "1.0.1", after=False)
    finish(machine.context, CLUSTER, lost.deployment, DeploymentState.ABORTED, "stopped by hand")
    assert machine.record(lost.deployment).epoch > before.epoch
    assert desired(machine) == before
    assert kind(machine) is None
    edit(machine, version="1.0.1", digest=manifest("1.0.1").digest)
    assert kind(machine) is HandMade.OTHER_TARGET


def test_plan_that_was_lost_before_the_first_write_of_a_cluster_deleted_nothing() -> None:
    """Seed 32868 of the simulation."""
    machine = Machine()
    lost = planned(machine, "1.0.0", after=False)
    finish(machine.context, CLUSTER, lost.deployment, DeploymentState.ABORTED, "stopped by hand")
    assert machine.memory.registry.desired(CLUSTER) is None
    assert kind(machine) is None


def test_deployment_that_wrote_nothing_gives_nothing_back(machine: Machine) -> None:
    before, lost = desired(machine), machine.request("1.0.1")
    machine.begin(lost)
    machine.memory.registry.set_desired(CLUSTER, before)
    stored(machine, lost.deployment, writes=NO_WRITES)
    finish(machine.context, CLUSTER, lost.deployment, DeploymentState.ABORTED, "stopped by hand")
    assert desired(machine) == before


@pytest.mark.parametrize("after", [False, True])
def test_version_that_was_given_back_is_the_deployments_if_lease_and_end_were_lost(
    machine: Machine, *, after: bool
) -> None:
    """Seeds 40296 and 47682 of the simulation: no record had the epoch of what was given back."""
    lost = planned(machine, "1.0.1", after=True)
    end = DeploymentState.ABORTED
    killed(machine, lambda context: finish(context, CLUSTER, lost.deployment, end, "stopped"), after=after)
    machine.memory.leases.set_back(CLUSTER, None)
    assert desired(machine).version == ("1.0.0" if after else "1.0.1")
    assert kind(machine) is None
    edit(machine, epoch=3)
    assert kind(machine) is HandMade.NEVER_ISSUED


def test_version_that_was_not_given_back_is_nobodys_beside_the_one_that_was(machine: Machine) -> None:
    lost = planned(machine, "1.0.1", after=True)
    finish(machine.context, CLUSTER, lost.deployment, DeploymentState.ABORTED, "stopped by hand")
    assert (desired(machine).version, kind(machine)) == ("1.0.0", None)
    edit(machine, deployment=lost.deployment)
    assert kind(machine) is HandMade.OTHER_TARGET


def test_resume_that_was_lost_before_its_write_leaves_the_version_of_its_earlier_epoch(machine: Machine) -> None:
    """Seed 42387 of the simulation: the record had the new epoch, and the desired version the one before."""
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    machine.memory.leases.set_back(CLUSTER, None)
    request = machine.record(name).request
    killed(machine, lambda context: begin(context, request, name), after=False)
    machine.memory.leases.set_back(CLUSTER, None)
    assert desired(machine).epoch < machine.record(name).epoch
    assert kind(machine) is None
    edit(machine, epoch=1)
    assert kind(machine) is HandMade.OLDER


def test_version_of_one_of_two_deployments_with_the_same_epoch_is_its_own(machine: Machine) -> None:
    """Seed 72365 of the simulation: the lease was lost before its epoch was on record, and was given again."""
    first = planned(machine, "1.0.1", after=True)
    written = desired(machine)
    machine.memory.leases.set_back(CLUSTER, None)
    second = machine.deploy("1.0.2")
    writes = machine.record(second).known_writes
    stored(machine, second, epoch=written.epoch, writes=replace(writes, confirmed=written.epoch))
    machine.memory.leases.set_back(CLUSTER, None)
    machine.memory.registry.set_desired(CLUSTER, written)
    assert machine.record(first.deployment).epoch == 0
    assert kind(machine) is None


def test_second_execution_that_plans_at_once_does_not_write_beside_the_first(machine: Machine) -> None:
    """Seed 41100 of the simulation: the first one's record then had a lower epoch than the desired version."""
    machine.memory.clock.sleep(1)
    request, acquire = machine.request("1.0.1"), machine.memory.leases.acquire

    def after_the_first(*given: object) -> object:
        machine.memory.leases.acquire = acquire  # type: ignore[method-assign]
        machine.memory.deployments._deployments.pop((CLUSTER, request.deployment))  # neither had seen the other
        killed(machine, lambda context: begin(context, request, request.deployment), after=True)
        return acquire(*given)  # type: ignore[arg-type]

    machine.memory.leases.acquire = after_the_first  # type: ignore[method-assign,assignment]
    assert begin(machine.context, request, f"{request.deployment}-6e0d").kind == "REFUSED"
    assert desired(machine).epoch == machine.record(request.deployment).known_writes.intended[-1].epoch
    assert begin(machine.context, request, f"{request.deployment}_2").kind == "PLANNED"


def test_deployment_that_was_closed_while_it_planned_writes_nothing(machine: Machine) -> None:
    before, request = desired(machine), machine.request("1.0.1")
    acquire = machine.memory.leases.acquire

    def closed_meanwhile(*given: object) -> object:
        stored(machine, request.deployment, state=DeploymentState.ABORTED, reason="cancelled")
        return acquire(*given)  # type: ignore[arg-type]

    machine.memory.leases.acquire = closed_meanwhile  # type: ignore[method-assign,assignment]
    assert machine.begin(request).kind == "REFUSED"
    assert desired(machine) == before
    assert not machine.memory.leases.current(CLUSTER).deployment


def test_write_between_the_reads_of_the_records_and_of_the_desired_version_is_no_finding(machine: Machine) -> None:
    """A deployment that lost its lease writes beside a lease that stays as it was."""
    recent = machine.memory.deployments.recent_without_hosts(CLUSTER, 50)
    lost = machine.memory.leases.current(CLUSTER)
    planned(machine, "1.0.1", after=True)
    machine.memory.leases.set_back(CLUSTER, lost)
    assert read_desired(machine.context, CLUSTER, lost, recent).nobodys is None
    edit(machine, version="1.0.2")
    found = read_desired(machine.context, CLUSTER, lost, recent).nobodys
    assert found is not None
    assert found.kind is HandMade.OTHER_TARGET


def test_edit_is_found_although_the_lease_changes_between_the_reads(machine: Machine) -> None:
    before = machine.memory.leases.current(CLUSTER)
    recent = machine.memory.deployments.recent_without_hosts(CLUSTER, 50)
    edit(machine, version="1.0.2")
    machine.memory.leases.acquire(CLUSTER, "hello-production-20261123120000-other", machine.now)
    found = read_desired(machine.context, CLUSTER, before, recent).nobodys
    assert found is not None
    assert found.kind is HandMade.OTHER_TARGET


def test_write_that_a_late_call_dropped_from_the_record_is_the_deployments(machine: Machine) -> None:
    """Seed 9683 of the simulation: a call from before put the record that it had read, with the older epoch."""
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    before = machine.record(name)
    machine.memory.leases.set_back(CLUSTER, None)
    begin(machine.context, before.request, name)
    written, held = desired(machine), machine.memory.leases.current(CLUSTER)
    stored(machine, name, epoch=before.epoch, writes=before.writes, state=DeploymentState.STALE)
    machine.memory.leases.release(CLUSTER, held)
    assert kind(machine) is None
    for epoch, expected in ((written.epoch + 1, HandMade.NEVER_ISSUED), (1, HandMade.OLDER)):
        edit(machine, epoch=epoch)
        assert kind(machine) is expected
    first = machine.memory.deployments.recent(CLUSTER, 2)[1]
    named = Desired(first.target.version, first.target.digest, before.epoch, first.id)
    machine.memory.registry.set_desired(CLUSTER, named)
    assert kind(machine) is HandMade.OLDER, "another deployment has this epoch"
    machine.memory.registry.set_desired(CLUSTER, replace(named, epoch=written.epoch))
    stored(machine, name, epoch=written.epoch)
    assert kind(machine) is HandMade.OLDER, "another deployment has this epoch"


def test_older_epoch_of_a_resumed_deployment_by_hand_is_nobodys(machine: Machine) -> None:
    """Seed 14998 of the simulation: the epoch that the resume wrote was never confirmed."""
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    before = machine.record(name)
    machine.memory.leases.set_back(CLUSTER, None)
    begin(machine.context, before.request, name)
    assert machine.record(name).known_writes.confirmed == desired(machine).epoch > before.epoch
    finish(machine.context, CLUSTER, name, DeploymentState.DONE, "done")
    edit(machine, epoch=before.epoch)
    assert kind(machine) is HandMade.OLDER


class EndsBefore(MemoryDeployments):
    """Deployments whose first write finds that another call of `finish` has ended the deployment."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.__dict__.update(machine.memory.deployments.__dict__)
        self._end: Callable[[], object] | None = lambda: rejected(machine.context, name)

    def put(self, deployment: Deployment) -> bool:
        if self._end:
            end, self._end = self._end, None
            end()
        return super().put(deployment)


def rejected(context: Context, name: str) -> object:
    return finish(context, CLUSTER, name, DeploymentState.REJECTED, "rejected")


def test_slower_of_two_ends_drops_no_write_from_the_record(machine: Machine) -> None:
    """Seed 3768 of the simulation: the slower call put its own record, without what the faster one gave back."""
    name = planned(machine, "1.0.1", after=True).deployment
    begin(machine.context, machine.record(name).request, name)
    rejected(replace(machine.context, deployments=EndsBefore(machine, name)), name)
    assert desired(machine).version == "1.0.0"
    assert desired(machine) in machine.record(name).known_writes.intended
    assert kind(machine) is None


def test_write_that_convergence_dropped_from_a_pending_record_is_the_deployments(machine: Machine) -> None:
    """Seed 22534 of the simulation: convergence put the record that it had read before the plan wrote."""
    name = planned(machine, "1.0.1", after=True).deployment
    stored(machine, name, writes=NO_WRITES, state=DeploymentState.REFUSED)
    held = machine.memory.leases.current(CLUSTER)
    machine.memory.leases.release(CLUSTER, held)
    assert kind(machine) is None
    edit(machine, version="1.0.2")
    assert kind(machine) is HandMade.OTHER_TARGET


def older(machine: Machine, name: str) -> Deployment:
    """Let an older control plane have written the record."""
    stored(machine, name, writes=None)
    return machine.record(name)


def test_record_of_an_older_version_explains_its_own_version_and_the_one_it_gave_back(machine: Machine) -> None:
    lost = planned(machine, "1.0.1", after=True)
    finish(machine.context, CLUSTER, lost.deployment, DeploymentState.ABORTED, "stopped by hand")
    for each in machine.memory.deployments.recent(CLUSTER, 9):
        older(machine, each.id)
    assert (desired(machine).version, kind(machine)) == ("1.0.0", None)
    edit(machine, version="1.0.1", digest=manifest("1.0.1").digest, deployment=lost.deployment)
    assert kind(machine) is None
    edit(machine, version="1.0.2")
    assert kind(machine) is HandMade.OTHER_TARGET


def test_deployment_that_an_older_version_began_knows_its_writes_after_a_resume(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    older(machine, name)
    machine.memory.leases.set_back(CLUSTER, None)
    killed(machine, lambda context: begin(context, machine.record(name).request, name), after=False)
    machine.memory.leases.set_back(CLUSTER, None)
    assert kind(machine) is None
    machine.memory.registry._desired.clear()
    assert kind(machine) is HandMade.DELETED


def test_convergence_reports_no_lost_plan(machine: Machine) -> None:
    stored(machine, desired(machine).deployment, state=DeploymentState.ABORTED)
    lost = planned(machine, "1.0.1", after=False)
    machine.memory.executions.stopped.add(lost.deployment)
    machine.memory.executions.rollouts[lost.deployment] = {}
    for _ in range(3):
        machine.memory.clock.sleep(60)
        converge_all(machine.context, "abcd", "schedule")
    assert [each.what for each in machine.memory.audit_log.entries if "by hand" in each.what] == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (DeploymentState.ABORTED, None),
        (DeploymentState.REFUSED, None),
        (DeploymentState.RUNNING, HandMade.OTHER_TARGET),
        (DeploymentState.DONE, HandMade.OTHER_TARGET),
    ],
)
def test_record_of_an_older_version_gave_the_version_back_only_if_it_was_undone(
    machine: Machine, state: DeploymentState, expected: HandMade | None
) -> None:
    name = machine.deploy("1.0.1")
    stored(machine, name, writes=None, state=state)
    edit(machine, version="1.0.0", digest=manifest("1.0.0").digest)
    assert kind(machine) is expected
