"""The commands and calls of a deployment that lost the lease, whatever became of the one that took it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout import host_commands, stages
from lifecycle.application.rollout.freeze import freeze
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.errors import CallFailed, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.deployment import DeploymentState, Request
from lifecycle.domain.rollout.lease import LONGEST_CALL, RUNNING_LEASE, Lease
from tests.fakes.dispatcher import MemoryDispatcher
from tests.fakes.leases import MemoryLeases
from tests.fakes.registry import MemoryRegistry
from tests.support.rollout import CHAIN, CLUSTER, Machine


class DiesWithTheLease(MemoryLeases):
    """Leases that kill the caller right after it got one."""

    def __init__(self, like: MemoryLeases) -> None:
        self._leases = like._leases

    def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
        super().acquire(cluster, deployment, now, newest)
        raise RuntimeError("killed")

    def hand_over(self, cluster: Cluster, lease: Lease, successor: str, now: datetime, newest: int = 0) -> Lease:
        super().hand_over(cluster, lease, successor, now, newest)
        raise RuntimeError("killed")


def commanded(machine: Machine) -> str:
    """Return a deployment that commanded host-3 to install, which its agent did not read yet."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    machine.host("host-3").silent = True
    command(machine, request.deployment)
    return request.deployment


def command(machine: Machine, deployment: str) -> None:
    """Command host-3 to install. The command stands as if those before it had not been cancelled."""
    turn = host_commands.install(machine.record(deployment), "host-3", 1, machine.now)
    machine.memory.fleet._turns[CLUSTER]["host-3"] = turn


def lost_with_the_lease(machine: Machine) -> Request:
    """Return a deployment whose plan was lost right after it took an expired lease."""
    machine.memory.clock.sleep(RUNNING_LEASE.total_seconds())
    request = machine.request("1.0.2")
    dying = replace(machine.context, leases=DiesWithTheLease(machine.memory.leases))
    with pytest.raises(RuntimeError):
        begin(dying, request, request.deployment)
    return request


def commands(machine: Machine) -> bool:
    """Return whether host-3 still has a command to install."""
    return machine.turn("host-3").order is Order.INSTALL


def test_expired_lease_is_taken_only_after_its_commands_are_cancelled(machine: Machine) -> None:
    commanded(machine)
    lost_with_the_lease(machine)
    assert not commands(machine)


def test_commands_of_a_lease_that_has_not_expired_are_not_cancelled(machine: Machine) -> None:
    class Free(MemoryLeases):
        """Leases whose first reader still finds the lease free."""

        read = 0

        def current(self, cluster: Cluster) -> Lease:
            self.read += 1
            return super().current(cluster) if self.read > 2 else Lease(1)

    commanded(machine)
    late = Free()
    late._leases = machine.memory.leases._leases
    request = machine.request("1.0.2")
    assert begin(replace(machine.context, leases=late), request, request.deployment).kind == "QUEUED"
    assert commands(machine)


def _freeze(machine: Machine) -> None:
    freeze(machine.context, "*", RequestedBy("linus", "not today"), None)


def _forget_version(machine: Machine) -> None:
    machine.memory.artifacts._manifests.pop("release/hello/1.0.2")


def _quarantine(machine: Machine) -> None:
    machine.context.fleet.quarantine(CLUSTER, "1.0.2", "it is bad")


@pytest.mark.parametrize("why", [_freeze, _forget_version, _quarantine])
def test_plan_that_is_refused_after_it_took_a_lease_ends_the_former_commands(
    machine: Machine, why: Callable[[Machine], None]
) -> None:
    """Found by a million seeds: an agent that came back began an install of the fenced deployment."""
    first, second = commanded(machine), lost_with_the_lease(machine)
    command(machine, first)
    why(machine)
    assert machine.begin(second).kind == "REFUSED"
    assert not commands(machine)
    assert machine.record(first).state is DeploymentState.STALE
    assert not machine.memory.leases.current(CLUSTER).deployment


def test_plan_that_finds_nothing_to_do_after_it_took_a_lease_ends_the_former_commands(machine: Machine) -> None:
    first = commanded(machine)
    machine.memory.clock.sleep(RUNNING_LEASE.total_seconds())
    request = machine.request("1.0.0", only=("host-1",))
    machine.memory.leases.acquire(CLUSTER, request.deployment, machine.now)
    assert machine.begin(request).kind == "NOTHING_TO_DO"
    assert not commands(machine)
    assert machine.record(first).state is DeploymentState.STALE


def test_plan_that_a_store_refuses_after_it_took_a_lease_ends_the_former_commands(machine: Machine) -> None:
    class Refusing(MemoryRegistry):
        def desired(self, cluster: Cluster) -> None:
            raise StoreRefused("the store refused the call")

    first = commanded(machine)
    machine.memory.clock.sleep(RUNNING_LEASE.total_seconds())
    request = machine.request("1.0.2")
    machine.memory.leases.acquire(CLUSTER, request.deployment, machine.now)
    with pytest.raises(StoreRefused):
        begin(replace(machine.context, registry=Refusing((CLUSTER,))), request, request.deployment)
    assert not commands(machine)
    assert machine.record(first).state is DeploymentState.STALE


def test_every_deployment_before_an_expired_lease_is_closed(machine: Machine) -> None:
    """The lease names only the last holder, whose plan was lost before it had closed the first one."""
    first = commanded(machine)
    lost = lost_with_the_lease(machine)
    machine.memory.clock.sleep(RUNNING_LEASE.total_seconds())
    third = machine.request("1.0.2", reason="again")
    assert machine.begin(third).kind == "PLANNED"
    assert {machine.record(each).state for each in (first, lost.deployment)} == {DeploymentState.STALE}


@pytest.mark.parametrize("stopped", [True, False])
def test_lost_plan_that_convergence_ends_leaves_no_former_commands(
    machine: Machine,
    stopped: bool,  # noqa: FBT001
) -> None:
    """Its execution was stopped by hand, or its record has ended but the lease was left."""
    first, second = commanded(machine), lost_with_the_lease(machine).deployment
    command(machine, first)
    machine.memory.executions.rollouts[second] = {}
    if stopped:
        machine.memory.executions.stopped.add(second)
    else:
        ended = replace(machine.record(second), state=DeploymentState.REFUSED)
        machine.memory.deployments.put(ended)
    machine.memory.executions.running.add(first)
    found = converge_all(machine.context, "abcd", "schedule")[0]
    assert found.kind == ("ABORTED" if stopped else "FREE_LEASE")
    assert not machine.memory.leases.current(CLUSTER).deployment
    assert not commands(machine)


def test_rollback_gets_the_lease_only_after_the_commands_are_cancelled(machine: Machine) -> None:
    first = commanded(machine)
    dying = replace(machine.context, leases=DiesWithTheLease(machine.memory.leases))
    with pytest.raises(RuntimeError):
        hand_over(dying, CLUSTER, first, "it is bad")
    assert not commands(machine)


def self_tested(machine: Machine) -> HostTask:
    """Return the task of host-2, which has passed its self-test and is out of rotation."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    task = machine.hand_out(request.deployment, "host-2", 1)
    assert [stage(machine.context, task).outcome for stage in CHAIN[:3]] == ["PASSED"] * 3
    return task


def test_host_that_restarted_after_its_self_test_is_not_registered(machine: Machine) -> None:
    task = self_tested(machine)
    machine._report(machine.host("host-2"), replace(machine.report("host-2"), boot="another"))
    found = stages.register(machine.context, task)
    assert found.outcome == "FAILED"
    assert "restarted since its self-test" in found.reason
    assert machine.host("host-2").address not in machine.memory.dispatcher.targets(CLUSTER)
    assert machine.memory.deployments.attempts(task.deployment)[-1].state is AttemptState.FAILED


def test_host_without_a_report_is_not_registered(machine: Machine) -> None:
    task = self_tested(machine)
    machine.memory.fleet.remove(CLUSTER, "host-2")
    assert stages.register(machine.context, task).outcome == "FAILED"


def test_registration_renews_a_lease_that_its_call_could_outlast(machine: Machine) -> None:
    task = self_tested(machine)
    lease = machine.memory.leases.current(CLUSTER)
    machine.memory.leases.renew(CLUSTER, lease, machine.now + LONGEST_CALL)
    assert stages.register(machine.context, task).outcome == "PASSED"
    renewed = machine.memory.leases.current(CLUSTER).expires_at
    assert renewed is not None
    assert renewed > machine.now + LONGEST_CALL + timedelta(hours=1)


def test_registration_whose_lease_is_taken_before_it_is_renewed_is_not_made(machine: Machine) -> None:
    class Taken(MemoryLeases):
        def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
            self.hand_over(cluster, lease, "another", machine.now)
            return super().renew(cluster, lease, until)

    task = self_tested(machine)
    taken = Taken()
    taken._leases = machine.memory.leases._leases
    taken._leases[CLUSTER] = replace(taken.current(CLUSTER), expires_at=machine.now + LONGEST_CALL)
    context = replace(machine.context, leases=taken)
    assert stages.register(context, task).outcome == "STALE"
    assert machine.host("host-2").address not in machine.memory.dispatcher.targets(CLUSTER)


def test_lease_of_a_running_deployment_is_not_renewed_before_each_call(machine: Machine) -> None:
    task = self_tested(machine)
    before = machine.memory.leases.current(CLUSTER)
    stages.register(machine.context, task)
    assert machine.memory.leases.current(CLUSTER) == before


def halted(machine: Machine) -> str:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.INSTALLING
    return machine.deploy("1.0.1")


def test_failed_host_that_a_late_call_registered_is_taken_out_by_convergence(machine: Machine) -> None:
    """Found by a million seeds: it stayed in rotation, untested, while its agent was unreachable."""
    name, address = halted(machine), machine.host("host-2").address
    machine.memory.executions.running.add(name)
    machine.context.dispatcher.register(CLUSTER, address, 8080)
    converge_all(machine.context, "abcd", "schedule")
    machine.memory.dispatcher.settle()
    assert address not in machine.memory.dispatcher.targets(CLUSTER)
    assert machine.memory.audit_log.entries[-1].what == "drain"
    assert set(machine.serving()) == {"host-1", "host-3", "host-4"}


def registered_late(machine: Machine) -> HostTask:
    """Return the task of a failed host that a fenced call has registered since its drain."""
    name = halted(machine)
    machine.context.dispatcher.register(CLUSTER, machine.host("host-2").address, 8080)
    return HostTask(CLUSTER, name, machine.record(name).epoch, "host-2", 1)


def test_failed_host_that_a_late_call_registered_is_taken_out_by_its_last_stage(machine: Machine) -> None:
    """Found by simulation: it got traffic untested, until convergence looked."""
    task = registered_late(machine)
    assert stages.await_alive(machine.context, task).outcome == "SKIPPED"
    machine.memory.dispatcher.settle()
    assert machine.host("host-2").address not in machine.memory.dispatcher.targets(CLUSTER)
    assert machine.memory.audit_log.entries[-1].what == "drain"


def test_failed_host_is_not_taken_out_by_a_fenced_call(machine: Machine) -> None:
    task = registered_late(machine)
    lease = machine.memory.leases.current(CLUSTER)
    machine.memory.leases.hand_over(CLUSTER, lease, "another", machine.now)
    assert stages.await_alive(machine.context, task).outcome == "STALE"
    assert machine.host("host-2").address in machine.memory.dispatcher.targets(CLUSTER)


def test_failed_stage_ends_although_the_load_balancer_cannot_answer(machine: Machine) -> None:
    class Unanswered(MemoryDispatcher):
        def target(self, cluster: Cluster, address: str) -> TargetState:
            words = {"service": "ELB", "operation": "DescribeTargetHealth", "code": "Throttling"}
            raise CallFailed("throttled", **words, temporary=True)

    task, context = registered_late(machine), replace(machine.context, dispatcher=Unanswered({}))
    assert stages.await_alive(context, task).outcome == "SKIPPED"


def test_host_that_failed_before_its_drain_stays_in_rotation(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.FETCHING
    name = machine.deploy("1.0.1")
    task = HostTask(CLUSTER, name, machine.record(name).epoch, "host-2", 1)
    assert stages.await_alive(machine.context, task).outcome == "SKIPPED"
    assert "host-2" in machine.serving()


def test_failed_host_that_serves_the_tested_target_stays_in_rotation(machine: Machine) -> None:
    name = self_tested(machine).deployment
    attempt = machine.memory.deployments.attempts(name)[-1]
    failed = replace(attempt, state=AttemptState.FAILED, reached=AttemptState.SELF_TESTED)
    machine.memory.deployments.put_attempt(failed)  # the registration was made, but its answer was lost
    machine.memory.executions.running.add(name)
    address = machine.host("host-2").address
    machine.context.dispatcher.register(CLUSTER, address, 8080)
    converge_all(machine.context, "abcd", "schedule")
    machine.memory.dispatcher.settle()
    assert "host-2" in machine.serving()
