"""Rollouts of a whole account behind ELB's limit for Describe calls: no host fails, however many wait at once."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from lifecycle.application.context import Context
from lifecycle.application.fleet.end_host import end_host
from lifecycle.application.operator_command import CommandResult
from lifecycle.application.rollout.stage_guard import HostTask, Outcome
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.service.policy import Policy
from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from tests.simulation.scheduler import Scheduler
from tests.simulation.throttling import PER_SECOND, TokenBucket
from tests.support.rollout import CHAIN, CLUSTER, Machine
from tests.support.token_bucket import SchedulerClock, StackParameters, ThrottledElb

DRAIN_SECONDS = 20.0
AGENTS_ACT_EVERY = 1.0
HOURS = 3600.0


class Account:
    """The first steps of several clusters at the same time, each host's stages in an invocation of its own."""

    def __init__(self, clusters: int, hosts: int, at_once: int, per_second: float = PER_SECOND) -> None:
        self.scheduler = Scheduler(seed=1)
        self.clock = SchedulerClock(self.scheduler)
        self.bucket = TokenBucket(lambda: self.scheduler.now, per_second=per_second)
        self.elb = ThrottledElb(self.scheduler, self.bucket, DRAIN_SECONDS)
        self.outcomes: Counter[str] = Counter()
        self.errors: list[str] = []
        self.machines = [self._begin(number, hosts, at_once) for number in range(clusters)]

    def _begin(self, number: int, hosts: int, at_once: int) -> Machine:
        """Plan a deployment, and begin its first step."""
        machine = Machine(hosts, Policy(max_unavailable=at_once, min_alive_seconds=0))
        machine.memory.clock.ticks.clear()
        machine.memory.dispatcher.states[CLUSTER] = {each.address: TargetState.HEALTHY for each in machine.hosts}
        self.elb.groups[f"{number}/target-group"] = {each.address: "healthy" for each in machine.hosts}
        parameters = StackParameters(number)
        request = machine.request("1.0.1")
        assert machine.begin(request).kind == "PLANNED"
        step = machine.decide_next(request.deployment)
        assert len(step.hosts) == at_once
        self._act(machine, self.scheduler.now)
        for given in step.hosts:
            task = machine.hand_out(request.deployment, str(given["host"]), int(given["attempt"]))
            # Each invocation has clients of its own, and reads the stack's parameters itself.
            context = replace(
                machine.context,
                clock=self.clock,
                dispatcher=AlbDispatcher(self.elb, parameters),
                poll_seconds=2.0,
                heartbeat_timeout=timedelta(seconds=30),
            )
            self._spawn(context, task)
        return machine

    def _act(self, machine: Machine, last: float) -> None:
        """Let the agents act and report, again and again; the machine's own clock follows the simulated one."""
        machine.memory.clock.sleep(self.scheduler.now - last)
        machine.tick()
        machine.rotations.clear()
        now = self.scheduler.now
        self.scheduler.after(AGENTS_ACT_EVERY, AGENTS_ACT_EVERY, lambda: self._act(machine, now))

    def _spawn(self, context: Context, task: HostTask) -> None:
        def run() -> Outcome:
            outcome = Outcome("")
            for stage in CHAIN:
                outcome = stage(context, task)
            return outcome

        def ended(outcome: tuple[Outcome | None, BaseException | None]) -> None:
            found, error = outcome
            self.outcomes[found.outcome if found else "RAISED"] += 1
            self.errors += [found.reason if found and found.outcome != "PASSED" else str(error or "")]

        self.scheduler.spawn(f"{task.deployment} {task.host}", run, ended)

    def run(self) -> None:
        self.scheduler.run(until=HOURS)
        assert not self.scheduler.actor


@pytest.mark.parametrize(("clusters", "hosts", "at_once"), [(1, 160, 40), (25, 4, 1), (5, 100, 25)])
def test_no_host_fails_where_describe_calls_are_throttled(clusters: int, hosts: int, at_once: int) -> None:
    account = Account(clusters, hosts, at_once)
    account.run()
    assert account.outcomes == {"PASSED": clusters * at_once}, [each for each in account.errors if each][:3]
    assert account.bucket.refused, "nothing was throttled, so nothing is proven"


def test_no_host_fails_where_others_use_most_of_the_calls() -> None:
    account = Account(1, 160, 40, per_second=3.0)
    account.run()
    assert account.outcomes == {"PASSED": 40}, [each for each in account.errors if each][:3]


def test_polls_of_a_large_step_leave_calls_for_the_rest_of_the_account() -> None:
    account = Account(1, 160, 40)
    account.run()
    # At the pace of a single host, 637 calls were throttled.
    assert account.bucket.refused < 400, f"{account.bucket.refused} calls were throttled"


def test_targets_are_back_in_rotation() -> None:
    account = Account(1, 8, 2)
    account.run()
    assert set(account.elb.groups["0/target-group"].values()) == {"healthy"}


class Shrinking:
    """A group of an Auto Scaling that ends many of its hosts at once, each in an invocation of its own."""

    def __init__(self, hosts: int, ending: int) -> None:
        self.scheduler = Scheduler(seed=1)
        self.bucket = TokenBucket(lambda: self.scheduler.now)
        self.elb = ThrottledElb(self.scheduler, self.bucket, DRAIN_SECONDS)
        self.machine = Machine(hosts)
        self.elb.groups["0/target-group"] = {each.address: "healthy" for each in self.machine.hosts}
        machines = self.machine.memory.machines
        machines.groups[CLUSTER] = {each.name: each.address for each in self.machine.hosts}
        machines.ending.update(each.name for each in self.machine.hosts[:ending])
        dispatcher = AlbDispatcher(self.elb, StackParameters(0))
        self.context = replace(
            self.machine.context, clock=SchedulerClock(self.scheduler), dispatcher=dispatcher, poll_seconds=2.0
        )

    def run(self) -> None:
        for host in sorted(self.machine.memory.machines.ending):
            self.scheduler.spawn(host, partial(end_host, self.context, CLUSTER, host), self._ended)
        self.scheduler.run(until=HOURS)

    def _ended(self, outcome: tuple[CommandResult | None, BaseException | None]) -> None:
        assert outcome[1] is None, outcome[1]


def test_hosts_that_auto_scaling_ends_at_once_are_all_drained() -> None:
    group = Shrinking(hosts=160, ending=40)
    group.run()
    assert len(group.machine.memory.machines.ended) == 40
    assert set(group.elb.groups["0/target-group"].values()) == {"healthy"}
    assert len(group.elb.groups["0/target-group"]) == 120
    # At the pace of a single host, 659 calls were throttled.
    assert group.bucket.refused < 600, f"{group.bucket.refused} calls were throttled"
