"""Checkpoints: steps between two full observations, and everything that ends them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.next_step import Decided
from lifecycle.application.rollout.set_policy import set_floor
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage, HostReport, ServiceEnd
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.checkpoint import QUEUE_LIMIT, Checkpoint
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.policy_floor import PolicyFloor
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.fakes.deployments import MemoryDeployments
from tests.fakes.fleet import MemoryFleet
from tests.support.rollout import CLUSTER, Machine


class CountingFleet(MemoryFleet):
    """A fleet that counts how often every report is read."""

    full_reads = 0

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        self.full_reads += 1
        return super().reports(cluster)


class Rollout(Machine):
    """A rollout of hosts that serve 1.0.0 already, with checkpoints from the first host on."""

    def __init__(self, hosts: int = 8, policy: Policy | None = None) -> None:
        super().__init__(hosts, policy)
        self.context = replace(self.context, checkpoint_from=0)
        first = self.request("1.0.0", Kind.CONVERGE)  # it needs no approval
        assert self.begin(first).kind == "PLANNED"
        self.run(first.deployment, steps=1_000)
        self.memory.clock.sleep(1)
        self.asked = self.request("1.0.1")
        self.name = self.asked.deployment
        assert self.begin(self.asked).kind == "PLANNED"

    def step(self, execution: str = "") -> Decided:
        self.memory.clock.sleep(1)
        return self.decide_next(self.name, execution)

    def go_on(self, steps: int) -> Decided:
        """Update the hosts of so many steps; return the step after them."""
        for _ in range(steps):
            for given in self.step().hosts:
                self.update(self.name, str(given["host"]), int(given["attempt"]))
        return self.step()

    def is_observed(self, step: Callable[[], object]) -> bool:
        """Return whether this call reads everything."""
        counting = CountingFleet()
        counting.__dict__.update(self.memory.fleet.__dict__)
        before = self.context
        self.context = replace(before, fleet=counting)
        try:
            step()
        finally:
            self.context = before
        return counting.full_reads > 0

    def checkpoint(self) -> Checkpoint:
        found = self.memory.deployments.checkpoint(self.name)
        assert found is not None
        return found


@pytest.fixture
def rollout() -> Rollout:
    return Rollout()


def hosts_of(step: Decided) -> list[str]:
    return [str(each["host"]) for each in step.hosts]


@pytest.mark.parametrize("hosts", [9, QUEUE_LIMIT + 15])
def test_rollout_with_checkpoints_takes_the_same_steps_as_one_without(hosts: int) -> None:
    steps: dict[int, list[tuple[list[str], str]]] = {}
    for first in (0, 1000):
        machine = Rollout(hosts, Policy(max_unavailable=2))
        machine.context = replace(machine.context, checkpoint_from=first)
        steps[first] = []
        while (step := machine.step()).kind == "UPDATE_HOSTS":
            steps[first].append((hosts_of(step), step.reason))
            for host in hosts_of(step):
                machine.update(machine.name, host, 1)
        assert step.outcome == "DONE"
    assert steps[0] == steps[1000]


def test_step_after_an_ordinary_update_reads_no_other_host(rollout: Rollout) -> None:
    assert rollout.is_observed(lambda: rollout.go_on(2))
    assert not rollout.is_observed(lambda: rollout.update(rollout.name, *rollout_next(rollout)))
    assert not rollout.is_observed(rollout.step)


def rollout_next(rollout: Rollout) -> tuple[str, int]:
    (given,) = rollout.checkpoint().given
    return given.host, given.attempt


def test_end_of_the_queue_is_observed_and_finishes_only_when_every_host_serves() -> None:
    rollout = Rollout(3)
    rollout.go_on(2)
    rollout.memory.dispatcher.dead.add(rollout.host("host-1").address)
    rollout.update(rollout.name, *rollout_next(rollout))
    found = rollout.step()
    assert (found.kind, "host-1 was updated, but now" in found.reason) == ("AWAIT_HUMAN", True)


@pytest.mark.parametrize("stage", [AgentStage.INSTALLING, AgentStage.SELF_TESTING])
def test_failed_host_halts_as_without_a_checkpoint(rollout: Rollout, stage: AgentStage) -> None:
    rollout.host("host-5").breaks["1.0.1"] = stage
    found = rollout.run(rollout.name)
    assert found.kind == "AWAIT_HUMAN"
    assert rollout.record(rollout.name).state is DeploymentState.HALTED
    assert "host-5" in found.reason or "scripted" in found.reason


def test_lost_attempt_halts(rollout: Rollout) -> None:
    rollout.go_on(2)
    host, attempt = rollout_next(rollout)
    stages.drain(rollout.context, HostTask(CLUSTER, rollout.name, 2, host, attempt))
    assert rollout.step().kind == "AWAIT_HUMAN"


def test_hosts_that_were_handed_out_and_never_begun_are_handed_out_again(rollout: Rollout) -> None:
    first = rollout.go_on(3)
    rollout.passes[rollout.name] -= 1  # its answer was lost
    assert hosts_of(rollout.step()) == hosts_of(first)
    for host in hosts_of(first):
        rollout.update(rollout.name, host, 1)
    assert rollout.step().kind == "UPDATE_HOSTS"


def _another_joins(rollout: Rollout) -> None:
    rollout.join("host-9")


def _a_host_leaves(rollout: Rollout) -> None:
    rollout.leave("host-8")


def _a_host_is_replaced(rollout: Rollout) -> None:
    rollout.leave("host-8")
    rollout.join("host-9")


def _a_host_is_quarantined(rollout: Rollout) -> None:
    rollout.memory.fleet.quarantine_host(CLUSTER, "host-8", "bad disk")


def _a_host_is_unhealthy(rollout: Rollout) -> None:
    rollout.memory.dispatcher.dead.add(rollout.host("host-1").address)
    rollout.memory.dispatcher.settle()


def _a_foreign_target_is_registered(rollout: Rollout) -> None:
    rollout.memory.dispatcher.register(CLUSTER, "127.0.99.1", 80)
    rollout.memory.dispatcher.settle()


CHANGES = [
    _another_joins,
    _a_host_leaves,
    _a_host_is_replaced,
    _a_host_is_quarantined,
    _a_host_is_unhealthy,
    _a_foreign_target_is_registered,
]


@pytest.mark.parametrize("change", CHANGES)
def test_drain_and_next_step_read_everything_after_a_change(
    rollout: Rollout, change: Callable[[Rollout], None]
) -> None:
    rollout.go_on(2)
    host, attempt = rollout_next(rollout)
    change(rollout)
    task = HostTask(CLUSTER, rollout.name, 2, host, attempt)
    assert rollout.is_observed(lambda: stages.drain(rollout.context, task))
    assert rollout.is_observed(rollout.step)


def test_updated_host_that_became_unhealthy_is_watched_until_its_report_says_why() -> None:
    """Its report may come after the observation that saw it unhealthy."""
    rollout = Rollout(12, Policy(max_unavailable=3, min_alive_seconds=0))
    first = rollout.step().hosts
    for given in first:
        rollout.update(rollout.name, str(given["host"]), 1)
    fell = str(first[0]["host"])
    rollout.memory.dispatcher.dead.add(rollout.host(fell).address)
    rollout.memory.dispatcher.settle()
    seen_unhealthy = rollout.step()
    assert seen_unhealthy.kind == "UPDATE_HOSTS"
    for given in seen_unhealthy.hosts:
        rollout.update(rollout.name, str(given["host"]), 1)
    report = rollout.report(fell)
    end = ServiceEnd(rollout.now, "exit code 3", report.boot)
    rollout.memory.fleet.write_report(CLUSTER, replace(report, running=False, boot="", ended=end))
    asked = rollout.step()
    assert (asked.kind, fell in asked.question) == ("AWAIT_HUMAN", True)


def test_floor_that_is_raised_ends_a_checkpoint_and_asks_before_the_next_host(rollout: Rollout) -> None:
    rollout.go_on(2)
    rollout.update(rollout.name, *rollout_next(rollout))
    by = RequestedBy("grace", "two people")
    set_floor(rollout.context, "production", {"approval": ["after_first_host"]}, by)
    assert rollout.step().kind == "AWAIT_HUMAN"


def test_stricter_policy_on_record_ends_a_checkpoint_although_the_call_that_wrote_it_was_lost(
    rollout: Rollout,
) -> None:
    rollout.go_on(2)
    rollout.update(rollout.name, *rollout_next(rollout))
    record = rollout.record(rollout.name)
    floor = PolicyFloor("production", approval=ApprovalGate.AFTER_FIRST_HOST)
    assert rollout.memory.deployments.put(record.under_floors([floor], began=True))
    assert rollout.step().kind == "AWAIT_HUMAN"


def test_pause_stops_a_rollout_that_goes_on_from_a_checkpoint(rollout: Rollout) -> None:
    rollout.go_on(2)
    rollout.tell(rollout.name, Choice.PAUSE)
    rollout.update(rollout.name, *rollout_next(rollout))
    assert rollout.step().kind == "AWAIT_HUMAN"


def test_rollback_that_an_operator_requests_comes_before_the_next_host(rollout: Rollout) -> None:
    rollout.go_on(2)
    rollout.tell(rollout.name, Choice.ROLL_BACK)
    rollout.update(rollout.name, *rollout_next(rollout))
    assert rollout.step().kind == "ROLL_BACK"


def test_fenced_deployment_hands_out_nothing(rollout: Rollout) -> None:
    rollout.go_on(2)
    rollout.update(rollout.name, *rollout_next(rollout))
    lease = rollout.memory.leases.current(CLUSTER)
    rollout.memory.leases.hand_over(CLUSTER, lease, "another", rollout.now)
    assert rollout.step().outcome == "STALE"


def test_approval_after_the_first_host_is_still_required() -> None:
    rollout = Rollout(8, Policy(approval=ApprovalGate.AFTER_FIRST_HOST))
    assert rollout.go_on(1).kind == "AWAIT_HUMAN"


def test_unreachable_next_host_is_postponed(rollout: Rollout) -> None:
    step = rollout.go_on(2)
    following = rollout.checkpoint().next_hosts()[0].host
    rollout.host(following).silent = True
    rollout.memory.clock.sleep(60)
    for host in hosts_of(step):
        rollout.update(rollout.name, host, 1)
    assert hosts_of(rollout.step()) not in ([following], [])


def test_another_execution_observes_everything(rollout: Rollout) -> None:
    rollout.go_on(2)
    rollout.update(rollout.name, *rollout_next(rollout))
    assert rollout.is_observed(lambda: rollout.step(f"{rollout.name}_2"))


def test_hosts_of_one_step_count_each_other_as_out() -> None:
    rollout = Rollout(8, Policy(max_unavailable=2))
    step = rollout.go_on(2)
    assert len(step.hosts) == 2
    rollout.memory.dispatcher.states[CLUSTER][rollout.host("host-1").address] = TargetState.UNHEALTHY
    task = HostTask(CLUSTER, rollout.name, 2, hosts_of(step)[0], 1)
    other = HostAttempt(rollout.name, hosts_of(step)[1], 1, 2, rollout.name, rollout.now)
    rollout.memory.deployments.put_attempt(other)
    assert stages.drain(rollout.context, task).outcome == "FAILED"


def test_host_that_another_loop_handed_out_counts_as_out_until_its_attempt_ends(rollout: Rollout) -> None:
    rollout.go_on(2)
    lost = rollout.checkpoint().given[0]
    del rollout.memory.deployments._attempts[rollout.name, lost.host, lost.attempt]  # the other loop is not there yet
    rollout.memory.fleet.quarantine_host(CLUSTER, lost.host, "while the other loop hung")
    rollout.step()
    assert lost in rollout.checkpoint().given
    assert rollout.checkpoint().baseline is None


def test_step_that_loses_the_race_for_the_checkpoint_decides_again(rollout: Rollout) -> None:
    rollout.go_on(2)
    rollout.update(rollout.name, *rollout_next(rollout))
    racing = Racing(rollout.memory.deployments, races=1)
    rollout.context = replace(rollout.context, deployments=racing)
    assert rollout.step().kind == "UPDATE_HOSTS"
    rollout.update(rollout.name, *rollout_next(rollout))
    racing.races = 9
    with pytest.raises(StoreRefused, match="another that decides at the same time"):
        rollout.step()


class Racing(MemoryDeployments):
    """Deployments whose next checkpoints are written by another loop first."""

    def __init__(self, of: MemoryDeployments, races: int) -> None:
        self.__dict__.update(of.__dict__)
        self.races = races

    def put_checkpoint(self, checkpoint: Checkpoint) -> bool:
        if self.races:
            self.races -= 1
            super().put_checkpoint(replace(checkpoint, baseline=None))
        return super().put_checkpoint(checkpoint)


def test_small_cluster_has_no_checkpoint() -> None:
    rollout = Rollout(4)
    rollout.context = replace(rollout.context, checkpoint_from=5)
    rollout.run(rollout.name)
    assert rollout.memory.deployments.checkpoint(rollout.name) is None
    assert rollout.record(rollout.name).state is DeploymentState.DONE


def test_every_attempt_is_alive_once_at_the_end(rollout: Rollout) -> None:
    rollout.run(rollout.name)
    attempts = rollout.memory.deployments.attempts(rollout.name)
    assert [(each.number, each.state) for each in attempts] == [(1, AttemptState.ALIVE)] * 8
