"""Races that the simulation and the fault injection found, each in a few lines."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.ports.step_reads import HostRecords, LoopRecords, StepReads, StepRecords
from lifecycle.application.rollout import host_commands, stages
from lifecycle.application.rollout.decide import decide
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.convergence.decide import HAND_OVER_TIMEOUT
from lifecycle.domain.errors import Refused, StaleEpoch, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.lease import RUNNING_LEASE, Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.policy import Policy
from tests.fakes.audit import MemoryAuditLog
from tests.support.rollout import CHAIN, CLUSTER, Machine


def halted(machine: Machine) -> str:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    return machine.deploy("1.0.1")


def planned(machine: Machine) -> Request:
    """Return a deployment of 1.0.1 that was planned and not run."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    return request


def retry(machine: Machine) -> Answer:
    return Answer(Choice.RETRY, "grace", "", machine.now)


def test_hosts_that_drain_at_once_count_each_other_as_out() -> None:
    machine = Machine(policy=Policy(max_unavailable=2))
    machine.deploy("1.0.0")
    machine.join("host-5")  # serves nothing: of five hosts, one more may go
    request = planned(machine)
    epoch = machine.record(request.deployment).epoch
    for host in ("host-1", "host-2"):
        begun = HostAttempt(request.deployment, host, 1, epoch, request.deployment, machine.now)
        machine.memory.deployments.put_attempt(begun)
    task = HostTask(CLUSTER, request.deployment, epoch, "host-2", 1)
    assert "would leave" in stages.drain(machine.context, task).reason
    assert "host-2" in machine.serving()


def test_attempt_of_the_past_does_not_count_as_draining() -> None:
    """A restored ledger has the attempt of before without its end, beside the newer one that is alive."""
    machine = Machine()
    machine.deploy("1.0.0")
    request = planned(machine)
    epoch = machine.record(request.deployment).epoch
    first = HostAttempt(request.deployment, "host-2", 1, epoch, request.deployment, machine.now)
    machine.memory.deployments.put_attempt(first)
    machine.memory.deployments.put_attempt(replace(first, number=2, state=AttemptState.ALIVE))
    assert machine.update(request.deployment, "host-1", 1)[0] == "PASSED"


def test_ready_host_stays_in_rotation_if_another_fails_meanwhile(machine: Machine) -> None:
    request = planned(machine)
    dead = machine.host("host-3").address
    # It fails when host-2 is first polled, after the first check of the capacity.
    machine.memory.clock.ticks.insert(0, lambda: machine.memory.dispatcher.dead.add(dead))
    machine.update(request.deployment, "host-2", 1)
    assert "would leave 2 healthy of 4" in machine.memory.deployments.attempts(request.deployment)[0].reason
    assert "host-2" in machine.serving()


def test_step_counts_hosts_that_are_down() -> None:
    machine = Machine(hosts=6, policy=Policy(max_unavailable=2))
    machine.deploy("1.0.0")
    request = planned(machine)
    machine.join("host-7")
    machine.run(request.deployment)
    assert machine.record(request.deployment).state is DeploymentState.DONE
    assert len(machine.serving()) == 7


@pytest.mark.parametrize("by", ["a second answer", "convergence"])
def test_answer_with_a_lost_resume_signal_is_completed(machine: Machine, by: str) -> None:
    name = halted(machine)
    executions = machine.memory.executions
    decide(machine.context, CLUSTER, name, "host-2", 1, retry(machine))
    executions.running.add(name)
    executions.waiting.add(machine.memory.deployments.questions(name)[0].token)  # it sleeps on
    if by == "convergence":
        converge_all(machine.context, "abcd", "schedule")
    else:
        with pytest.raises(Refused, match="grace answered RETRY"):
            decide(machine.context, CLUSTER, name, "host-2", 1, retry(machine))
    assert executions.waiting == set()


def test_decision_on_one_host_counts_before_the_failure_of_another(machine: Machine) -> None:
    """A slow step had begun another host before it read the abort, and that host failed too."""
    for host in ("host-1", "host-2"):
        machine.host(host).breaks["1.0.1"] = AgentStage.SELF_TESTING
    request = planned(machine)
    machine.update(request.deployment, "host-2", 1)
    machine.run(request.deployment)
    abort = Answer(Choice.ABORT, "grace", "enough", machine.now)
    decide(machine.context, CLUSTER, request.deployment, "host-2", 1, abort)
    machine.update(request.deployment, "host-1", 1)
    assert machine.run(request.deployment).kind == "FINISH"
    assert machine.record(request.deployment).state is DeploymentState.ABORTED


def test_question_from_a_slow_clock_can_be_answered(machine: Machine) -> None:
    name = halted(machine)
    machine.decide(name, Choice.FORCE_NEXT, "host-2")
    first, again = machine.memory.deployments.questions(name)
    early = replace(again, asked_at=first.asked_at - timedelta(minutes=9))
    machine.memory.deployments._questions[name, again.id] = early
    machine.decide(name, Choice.SKIP_HOST, "host-2")
    assert machine.record(name).state is DeploymentState.DONE


def test_resumed_plan_holds_its_lease_when_the_store_fails(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    name = halted(machine)
    record = machine.record(name)
    lease = machine.memory.leases.current(CLUSTER)

    def refuse(*_: object) -> Deployment | None:
        raise StoreRefused("the ledger is not there")

    monkeypatch.setattr(machine.memory.deployments, "get", refuse)
    with pytest.raises(StoreRefused):
        begin(machine.context, record.request, f"{name}_2")
    assert machine.memory.leases.current(CLUSTER) == lease


def test_convergence_begins_a_rollback_with_a_lost_execution(
    machine: Machine,
) -> None:
    name = halted(machine)
    decide(machine.context, CLUSTER, name, "host-2", 1, Answer(Choice.ROLL_BACK, "grace", "", machine.now))
    rollback = str(hand_over(machine.context, CLUSTER, name, "it is bad").input["deployment"])
    assert {machine.turn(host).order for host in machine.record(name).hosts} == {Order.IDLE}
    machine.memory.executions.rollouts.clear()
    machine.memory.clock.sleep(HAND_OVER_TIMEOUT.total_seconds())
    found = converge_all(machine.context, "abcd", "schedule")[0]
    assert (found.kind, found.deployment) == ("RESUME", rollback)
    machine.run_what_waited()
    assert machine.record(rollback).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.0"}


def test_second_handover_does_not_change_a_running_rollback(machine: Machine) -> None:
    name = halted(machine)
    decide(machine.context, CLUSTER, name, "host-2", 1, Answer(Choice.ROLL_BACK, "grace", "", machine.now))
    machine.run(name)
    rollback = machine.memory.deployments.recent(CLUSTER, 1)[0]
    with pytest.raises(StaleEpoch):
        hand_over(machine.context, CLUSTER, name, "it is bad")
    assert machine.record(rollback.id) == rollback


def test_call_fenced_while_it_waited_does_nothing_more(machine: Machine) -> None:
    request = planned(machine)
    name = request.deployment

    def give_up() -> None:
        found = machine.memory.deployments.attempts(name)
        if found and not found[0].state.ended:
            closed = replace(found[0], state=AttemptState.FAILED, reason="lost")
            machine.memory.deployments.put_attempt(closed)

    machine.memory.clock.ticks.insert(0, give_up)
    assert machine.update(name, "host-2", 1)[0] == "SKIPPED"
    assert "host-2" in machine.serving()
    assert machine.memory.deployments.attempts(name)[0].reason == "lost"


@pytest.mark.parametrize("policy", [Policy(min_healthy=1), Policy(max_unavailable="50%"), Policy(max_unavailable=2)])
def test_repair_of_one_host_counts_the_whole_cluster(policy: Policy) -> None:
    machine = Machine(policy=policy)
    machine.deploy("1.0.0")
    machine.memory.dispatcher.states[CLUSTER].pop(machine.host("host-3").address)
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"
    machine.run_what_waited()
    assert len(machine.serving()) == 4


def test_expired_question_about_a_host_that_left_does_not_block() -> None:
    machine = Machine(policy=Policy(decision_expires_seconds=60))
    machine.deploy("1.0.0")
    name = halted(machine)
    machine.memory.clock.sleep(61)
    machine.leave("host-2")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.run(name)
    machine.host("host-1").breaks.clear()
    machine.decide(name, Choice.RETRY, "host-1")
    assert machine.record(name).state is DeploymentState.DONE


def test_agent_that_reports_meanwhile_is_not_unreachable(machine: Machine) -> None:
    request = planned(machine)
    for stage in CHAIN[:1]:
        stage(machine.context, task(machine, request.deployment))
    late = Late(machine.context.step_reads, lambda: machine.memory.clock.sleep(45))
    outcome = stages.install(replace(machine.context, step_reads=late), task(machine, request.deployment))
    assert outcome.outcome == "PASSED", outcome.reason


def test_pending_slot_is_cleared_if_the_plan_was_killed_after_it_began(machine: Machine) -> None:
    request = planned(machine)
    machine.memory.queue.replace(CLUSTER, None, PendingDeployment(request, machine.now))  # begun() was not reached
    machine.begin(request)
    assert machine.memory.queue.waiting(CLUSTER) is None


def test_stale_pending_entry_is_removed_and_not_started(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    machine.memory.queue.replace(CLUSTER, None, PendingDeployment(machine.record(name).request, machine.now))
    converge_all(machine.context, "abcd", "schedule")
    assert machine.memory.queue.waiting(CLUSTER) is None
    assert machine.memory.executions.rollouts == {}


def test_pending_entry_without_a_record_is_started(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.memory.queue.replace(CLUSTER, None, PendingDeployment(request, machine.now))  # killed before its record
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "START_PENDING"
    machine.run_what_waited()
    assert machine.record(request.deployment).state is DeploymentState.DONE


def test_deployment_without_serving_hosts_is_not_done(machine: Machine) -> None:
    request = planned(machine)
    for host in list(machine.hosts):
        machine.leave(host.name)
    machine.run(request.deployment)
    assert machine.record(request.deployment).state is DeploymentState.ABORTED


def test_failing_audit_log_does_not_fail_an_alive_host(machine: Machine) -> None:
    request = planned(machine)
    for stage in CHAIN[:4]:
        stage(machine.context, task(machine, request.deployment))
    silent = replace(machine.context, audit_log=NoTrail())
    with pytest.raises(RuntimeError):
        stages.await_alive(silent, task(machine, request.deployment))
    stages.await_alive(machine.context, task(machine, request.deployment))
    [attempt] = machine.memory.deployments.attempts(request.deployment)
    assert attempt.state is AttemptState.ALIVE


def task(machine: Machine, name: str) -> HostTask:
    return machine.hand_out(name, "host-2")


class Late:
    """Step reads that take their time before they return."""

    def __init__(self, step_reads: StepReads, wait: Callable[[], None]) -> None:
        self._standings = step_reads
        self._wait = wait

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords:
        found = self._standings.of_host(cluster, deployment, host, attempt)
        self._wait()
        return found

    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]:
        return self._standings.of_deployment(cluster, deployment)

    def of_loop(self, cluster: Cluster, deployment: str) -> LoopRecords:
        return self._standings.of_loop(cluster, deployment)

    def of_hosts(
        self, cluster: Cluster, deployment: str, attempts: Sequence[tuple[str, int]], hosts: Sequence[str]
    ) -> HostRecords:
        return self._standings.of_hosts(cluster, deployment, attempts, hosts)


class NoTrail(MemoryAuditLog):
    def append(self, entry: AuditEntry) -> None:
        raise RuntimeError("the trail is not there")


def test_repair_does_not_count_a_skipped_host(machine: Machine) -> None:
    name = halted(machine)
    machine.decide(name, Choice.SKIP_HOST, "host-2")
    machine.memory.dispatcher.states[CLUSTER][machine.host("host-3").address] = TargetState.HEALTHY
    found = machine.report("host-3")
    machine.memory.fleet.write_report(CLUSTER, replace(found, installed="1.0.0", digest="old"))
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"
    machine.run_what_waited()
    assert machine.serving() == dict.fromkeys(["host-1", "host-4", "host-3"], "1.0.1")
    assert converge_all(machine.context, "abce", "schedule")[0].kind == "CONVERGED"


def test_deployment_is_resumed_under_an_unused_execution_name(machine: Machine) -> None:
    name = halted(machine)
    machine.memory.executions.rollouts.update({name: {}, f"{name}_2": {}})  # both were lost
    converge_all(machine.context, "abcd", "schedule")
    assert f"{name}_3" in machine.memory.executions.running


def test_deployment_superseded_before_its_record_stays_superseded(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    machine.begin(machine.request("1.0.1"))
    machine.memory.clock.sleep(1)
    older = machine.request("1.0.2")
    machine.memory.queue.replace(CLUSTER, None, PendingDeployment(older, machine.now))  # its plan goes on later
    machine.memory.clock.sleep(1)
    newer = machine.request("1.0.2")
    assert machine.begin(newer).kind == "QUEUED"
    assert machine.begin(older).kind == "REFUSED"
    assert machine.record(older.deployment).state is DeploymentState.SUPERSEDED


def test_convergence_closes_a_deployment_orphaned_by_two_plans(machine: Machine) -> None:
    """One plan was refused and freed the lease; the other one went on and recorded that it runs."""
    request = planned(machine)
    machine.memory.leases.release(CLUSTER, machine.memory.leases.current(CLUSTER))
    machine.memory.clock.sleep(16 * 60)
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "CLOSE_ORPHANED"
    assert machine.record(request.deployment).state is DeploymentState.STALE


def test_older_execution_does_not_take_the_deployment_back(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    for execution in ("", "_3", "_2", ""):
        begin(machine.context, request, f"{request.deployment}{execution}")
    assert machine.record(request.deployment).execution == f"{request.deployment}_3"


def test_running_execution_is_recorded_again_after_a_late_write(machine: Machine) -> None:
    name = halted(machine)
    executions = machine.memory.executions
    executions.rollouts.update({name: {}, f"{name}_2": {}})
    executions.running.add(f"{name}_2")  # but the record names the first
    converge_all(machine.context, "abcd", "schedule")
    assert machine.record(name).execution == f"{name}_2"
    assert converge_all(machine.context, "abce", "schedule")[0].kind == "HOLD"


def test_fenced_deployment_begins_no_turn(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    first = machine.request("1.0.1")
    machine.begin(first)
    machine.memory.clock.sleep(RUNNING_LEASE.total_seconds())
    machine.host("host-3").silent = True
    machine.context.fleet.give_turns(
        CLUSTER, [host_commands.install(machine.record(first.deployment), "host-3", 1, machine.now)]
    )
    machine.begin(machine.request("1.0.2"))
    assert machine.turn("host-3").order is not Order.INSTALL


def test_first_deployment_that_never_began_is_closed() -> None:
    machine = Machine()
    request = machine.request("1.0.0")
    machine.begin(request)
    record = machine.record(request.deployment)
    machine.memory.deployments._deployments[CLUSTER, record.id] = replace(record, state=DeploymentState.QUEUED)
    machine.memory.leases.release(CLUSTER, machine.memory.leases.current(CLUSTER))
    machine.memory.registry._desired.clear()
    machine.memory.clock.sleep(16 * 60)
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "CLOSE_ORPHANED"


def test_fenced_registration_is_not_made(machine: Machine) -> None:
    request = planned(machine)
    for stage in CHAIN[:3]:
        stage(machine.context, task(machine, request.deployment))
    mine = task(machine, request.deployment)

    def fence() -> None:
        lease = machine.memory.leases.current(CLUSTER)
        if lease.deployment == request.deployment:
            machine.memory.leases.hand_over(CLUSTER, lease, "another", machine.now)

    late = Late(machine.context.step_reads, fence)
    assert stages.register(replace(machine.context, step_reads=late), mine).outcome == "STALE"
    assert "host-2" not in machine.serving()
