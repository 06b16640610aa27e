"""Each call of each port is lost once, in each way: what comes after it is neither silent nor wrong.

test_every_task_fails.py breaks whole functions, and test_every_port_refuses.py one method for ever. Here one call is
lost at one position, so that each order of two effects is cut once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.manifest import ReleaseCommand
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.simulation.context import READS
from tests.simulation.failures import Failing
from tests.simulation.losing import LOSSES, Losing, Loss
from tests.simulation.step_functions import Human
from tests.support.rollout import CLUSTER, Machine

HOSTS = 3
HOURS = 3.0


def going_on(question: Question) -> Choice | None:
    """Answer as somebody who has seen that nothing is broken."""
    return next((c for c in (Choice.RETRY, Choice.RESUME, Choice.APPROVE) if c in question.choices), None)


def _first(wanted: Choice) -> Human:
    return lambda question: wanted if wanted in question.choices else going_on(question)


def _breaks(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING


def _migrates(machine: Machine) -> None:
    release, manifests = ReleaseCommand("python manage.py migrate"), machine.memory.artifacts._manifests
    made = {key: replace(each, release=release) for key, each in manifests.items() if each.version == "1.0.1"}
    manifests.update(made)


PLAIN = Policy(min_alive_seconds=0)
GATED = Policy(min_alive_seconds=0, approval=ApprovalGate.BEFORE_FIRST_HOST)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A deployment of 1.0.1 over 1.0.0, how a human answers, how it ends, and the version that is left then."""

    name: str
    version: str
    end: DeploymentState
    human: Human = going_on
    policy: Policy = PLAIN
    prepare: Callable[[Machine], None] = lambda _: None

    def run(self, at: Mapping[int, Any]) -> Losing:
        world = self.made()
        world.calls.at = at
        world.deploy("1.0.1")
        world.run(HOURS)
        return world

    def made(self) -> Losing:
        machine = Machine(HOSTS, self.policy)
        machine.deploy("1.0.0")
        if self.policy.approval is not ApprovalGate.NONE:
            machine.approve(next(iter(machine.memory.deployments.recent(CLUSTER, 1))).id, Choice.APPROVE)
        machine.memory.clock.sleep(1)
        self.prepare(machine)
        return Losing(machine, Failing({}), self.human)


SCENARIOS = (
    Scenario("a good version", "1.0.1", DeploymentState.DONE),
    Scenario("a rollback", "1.0.0", DeploymentState.ROLLED_BACK, _first(Choice.ROLL_BACK), prepare=_breaks),
    Scenario("a release command", "1.0.1", DeploymentState.DONE, prepare=_migrates),
    Scenario("an end before the first host", "1.0.0", DeploymentState.REJECTED, _first(Choice.REJECT), GATED),
)


@cache
def calls_of(scenario: Scenario) -> tuple[str, ...]:
    """Return the calls of a scenario in which none is lost."""
    world = scenario.run({})
    made = tuple(world.calls.made)
    _check(world, scenario, "nothing is lost")
    return made


def _check(world: Losing, scenario: Scenario, what: str) -> None:
    assert not world.wrong, f"{what}: {world.wrong}"
    world.calls.at = {}
    context = world.machine.context
    for record in world.deployments():
        assert record.state.final, f"{what}: {record.id} is {record.state}, {record.reason}"
        assert world.notices(record), f"{what}: {record.id} is {record.state}, and nobody is notified"
    _runs_no_release_command_by_itself(world, what)
    lease = world.memory.leases.current(CLUSTER)
    assert not lease.deployment, f"{what}: {lease}"
    found = read_desired(context, CLUSTER, lease, world.memory.deployments.recent(CLUSTER, 50))
    assert found.nobodys is None, f"{what}: {found.nobodys}"
    assert found.desired is not None
    states = world.memory.dispatcher.targets(CLUSTER).values()
    assert set(states) == {TargetState.HEALTHY}, f"{what}: {states}"
    assert set(world.machine.serving().values()) == {found.desired.version}, f"{what}: {found.desired}"
    last = converge_all(context, "ffff", "a test", CLUSTER)[0]
    assert last.kind == "CONVERGED", f"{what}: {last}"
    ends = {each.state for each in world.deployments()}
    if ends <= {DeploymentState.REFUSED}:
        (refused,) = world.by_name.values()
        assert found.desired.version == "1.0.0", f"{what}: {found.desired}"
        assert refused.error == "Refused", f"{what}: {refused.error}"
        assert any(each.what == "refused 1.0.1" for each in world.memory.audit_log.read(CLUSTER)), what
        return
    assert (found.desired.version == scenario.version) == (scenario.end in ends), f"{what}: {found.desired}, {ends}"


def _runs_no_release_command_by_itself(world: Losing, what: str) -> None:
    runs = sum(len(host.released) for host in world.machine.hosts)
    retries = 0
    for record in world.deployments():
        asked = world.memory.deployments.questions(record.id)
        about = {(each.host, each.number) for each in world.memory.deployments.attempts(record.id) if each.release}
        retries += sum((q.host, q.attempt) in about for q in asked if q.answer and q.answer.choice is Choice.RETRY)
    assert runs <= 1 + retries, f"{what}: {runs} runs, {retries} times RETRY"


def _positions(scenario: Scenario, losses: tuple[Loss, ...]) -> Iterator[tuple[int, Loss]]:
    for number, call in enumerate(calls_of(scenario)):
        port, _, method = call.partition(".")
        for loss in losses:
            if not loss.after or method not in READS.get(port, ()):
                yield number, loss


@pytest.mark.parametrize("loss", LOSSES, ids=lambda each: each.name)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_lost_call_is_neither_silent_nor_wrong(scenario: Scenario, loss: Loss) -> None:
    for number, _ in _positions(scenario, (loss,)):
        what = f"call {number}, {calls_of(scenario)[number]}, {loss.name}"
        _check(scenario.run({number: loss}), scenario, what)
