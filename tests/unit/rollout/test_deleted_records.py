"""Records that somebody deleted while a deployment was halted: no failed host is tried again without a decision."""

import pytest

from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.rollout import CLUSTER, Machine

WHY = "failed while self-testing: scripted"


class Halted(Machine):
    """A deployment of 1.0.1 that halted at host-1, whose attempt somebody has deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.deploy("1.0.0")
        self.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
        self.name = self.deploy("1.0.1")
        assert self.record(self.name).state is DeploymentState.HALTED
        del self.memory.deployments._attempts[self.name, "host-1", 1]
        # Another try would succeed, and the rollout would go on to the other hosts.
        self.host("host-1").breaks.clear()
        self.boots = self.host("host-1").boots

    def hosts_with(self, version: str) -> list[str]:
        return [each.name for each in self.hosts if self.report(each.name).installed == version]


@pytest.fixture
def halted() -> Halted:
    return Halted()


def test_halted_host_waits_for_its_decision_though_its_attempt_is_gone(halted: Halted) -> None:
    step = halted.run(halted.name)
    assert (step.kind, step.reason) == ("AWAIT_HUMAN", WHY)
    assert len(halted.memory.deployments.questions(halted.name)) == 1
    assert halted.host("host-1").boots == halted.boots


@pytest.mark.parametrize(
    ("choice", "state", "updated"),
    [
        (Choice.ABORT, DeploymentState.ABORTED, ["host-2"]),
        (Choice.ROLL_BACK, DeploymentState.ROLLED_BACK, []),
        (Choice.SKIP_HOST, DeploymentState.DONE, ["host-2", "host-3", "host-4"]),
        (Choice.FORCE_NEXT, DeploymentState.HALTED, ["host-2", "host-3", "host-4"]),
        (Choice.RETRY, DeploymentState.DONE, ["host-1", "host-2", "host-3", "host-4"]),
    ],
)
def test_decision_counts_though_its_attempt_is_gone(
    halted: Halted, choice: Choice, state: DeploymentState, updated: list[str]
) -> None:
    halted.decide(halted.name, choice)
    ended = halted.record(halted.name)
    assert (ended.state, halted.hosts_with("1.0.1")) == (state, updated)
    assert ended.skipped_hosts == (("host-1",) if choice is Choice.SKIP_HOST else ())


def test_deleted_attempt_counts_as_diagnosed(halted: Halted) -> None:
    question = halted.memory.deployments.questions(halted.name)[0]
    halted.decide(halted.name, Choice.FORCE_NEXT)
    again = halted.memory.deployments.questions(halted.name)[-1]
    assert (again.blame, again.diagnosis) == (question.blame, question.diagnosis)
    assert halted.memory.leases.current(CLUSTER).deployment == halted.name
