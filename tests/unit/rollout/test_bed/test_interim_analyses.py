"""Late interim analyses: data was missing, a human took an hour, an execution was resumed."""

from datetime import timedelta

from lifecycle.domain.analysis.model import Verdict
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.policy import Policy
from tests.fakes.metrics import Served
from tests.support.rollout import CLUSTER, LATENCIES, Machine
from tests.unit.rollout.test_bed.conftest import served
from tests.unit.rollout.test_bed.test_schedule import until

HOUR = 3600


def answers(machine: Machine, name: str, minutes: int, slower: float = 1.0) -> None:
    """Record the requests of both hosts in the first minutes of the bake, with a factor for the test bed's
    latency.
    """
    began = machine.bed(name).began_at
    for minute in range(minutes + 1):
        at = began + timedelta(minutes=minute, seconds=1)
        for group, factor in ((Group.CONTROL, 1.0), (Group.TEST_BED, slower)):
            wave = factor * (1 + 0.01 * (minute * 7 % 5))
            machine.metrics.served[CLUSTER, group].append(Served(at, tuple(each * wave for each in LATENCIES)))


def judged(machine: Machine, name: str) -> tuple[Verdict, int]:
    found = machine.bed(name).judgement
    assert found is not None
    return found.verdict, found.minutes


def test_late_failure_counts() -> None:
    machine = served(Policy(bake_minutes=40))
    machine.quiet = True
    name = until(machine, "BAKE")
    while machine.bed(name).judgement is None or judged(machine, name)[1] < 21:
        machine.bake(name, 60)
    assert judged(machine, name) == (Verdict.INCONCLUSIVE, 21)
    answers(machine, name, 21, slower=1.5)
    machine.bake(name, 60)
    assert judged(machine, name) == (Verdict.FAIL, 20)
    machine.run(name)
    assert machine.bed(name).state is BedState.FAILED


def test_late_extension_is_analysed_before_the_next_question(
    machine: Machine,
) -> None:
    machine.quiet = True
    name = machine.deploy("1.0.1")
    answers(machine, name, 24)
    machine.memory.clock.sleep(HOUR)
    machine.approve(name, Choice.EXTEND)
    assert judged(machine, name) == (Verdict.PASS, 24)
    assert len(machine.memory.deployments.questions(name)) == 1
    assert machine.record(name).state is DeploymentState.DONE


def test_long_pause_is_no_lack_of_data(machine: Machine) -> None:
    machine.quiet = True
    name = until(machine, "BAKE")
    machine.bake(name, 180)
    answers(machine, name, 12)
    machine.tell(name, Choice.PAUSE)
    machine.run(name)
    machine.memory.clock.sleep(HOUR)
    machine.tell(name, Choice.RESUME)
    machine.run(name)
    assert judged(machine, name) == (Verdict.PASS, 12)
    assert machine.record(name).state is DeploymentState.DONE


def test_resumed_execution_analyses_before_it_asks(machine: Machine) -> None:
    machine.quiet = True
    name = until(machine, "BAKE")
    machine.bake(name, 180)
    answers(machine, name, 12)
    machine.memory.clock.sleep(HOUR)
    machine.run(name)
    assert judged(machine, name) == (Verdict.PASS, 12)
    assert machine.record(name).state is DeploymentState.DONE


def test_unmeasurable_test_bed_is_asked_about_once_and_in_time(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.metrics.old_stacks.add(CLUSTER)  # every analysis fails
    began = machine.bed(name).began_at
    machine.run(name)
    assert "nothing could be measured within 12 minutes" in machine.record(name).reason
    assert machine.now - began <= timedelta(minutes=20)
    asked_at = machine.now
    machine.run(name)  # as every hour
    assert (machine.now, len(machine.memory.deployments.questions(name))) == (asked_at, 1)


def test_approval_does_not_wait_for_an_analysis(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.metrics.old_stacks.add(CLUSTER)
    machine.run(name)
    machine.stop_at, asked_at = "END_BAKE", machine.now
    assert machine.approve(name, Choice.APPROVE).outcome == BedState.PASSED
    assert machine.now == asked_at
