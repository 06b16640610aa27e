"""An automatic deployment follows the head of its branch, waits where others are refused, and ends a halted one.

The cluster is production only because `Machine` has no other: delivery's requests are for staging.
"""

from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.automatic import begin_automatic
from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.plan import Planned, begin
from lifecycle.application.rollout.supersede import await_human, supersede_halted
from lifecycle.application.rollout.wait import PLANS_AGAIN, WAITS_AT_MOST
from lifecycle.domain.delivery.branch import NOTHING, Move
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from tests.support.rollout import Machine, manifest

CLUSTER = Cluster("staging", "hello")

A, B = "a" * 40, "b" * 40
REPOSITORY = "https://example.test/hello.git"
COMMITS = {"1.1.0": A, "1.2.0": B}
AUTOMATIC = Policy(automatic=True, min_alive_seconds=0, max_unreachable=0)


class Branch:
    """A cluster with automatic deployments, and the branch that they follow."""

    def __init__(self) -> None:
        self.machine = Machine(2, AUTOMATIC, cluster=CLUSTER)
        self.context = self.machine.context
        for version, commit in COMMITS.items():
            made = manifest(version, AUTOMATIC, commit=commit)
            self.machine.publish(made)
            facts = {"commit": commit, "digest": made.digest, "branch": "main"}
            self.machine.memory.catalogue.record_snapshot("hello", version, facts)
        self.machine.memory.catalogue.claim_service("hello", REPOSITORY)
        self.push(NOTHING, A)

    def push(self, before: str, after: str) -> None:
        move = Move(before, after, f"{before}-{after}", self.machine.now)
        self.machine.memory.catalogue.change_branch(REPOSITORY, "main", lambda branch: branch.moved(move))
        self.machine.memory.clock.sleep(1)

    def request(self, version: str, source: Source = Source.DELIVERY, **changes: Any) -> Request:
        self.machine.memory.clock.sleep(1)
        found = self.machine.request(version, requested_by="delivery", **changes)
        assert self.machine.memory.requests.put(RecordedRequest(found, source, self.machine.now))
        return found

    def begin(self, request: Request) -> Planned:
        """Begin it, as its execution does once more each time."""
        return begin_automatic(self.context, request, request.deployment)

    def deploy(self, version: str) -> str:
        request = self.request(version)
        assert self.begin(request).kind == "PLANNED"
        self.machine.run(request.deployment)
        return request.deployment

    def state(self, name: str) -> DeploymentState:
        return self.machine.record(name).state


def halted(branch: Branch) -> str:
    """Let 1.1.0 fail on its first host; return the halted deployment."""
    branch.machine.host("host-1").breaks["1.1.0"] = AgentStage.SELF_TESTING
    return branch.deploy("1.1.0")


def test_automatic_deployment_of_a_withdrawn_version_is_refused() -> None:
    branch = Branch()
    gone = Withdrawal("1.1.0", "ada", "hello was removed", branch.machine.now, WithdrawalState.DONE)
    branch.machine.memory.catalogue.put_withdrawal("hello", None, gone)
    planned = branch.begin(branch.request("1.1.0"))
    assert (planned.kind, "1.1.0 was withdrawn by ada" in planned.reason) == ("REFUSED", True)


def test_deployment_of_the_head_begins() -> None:
    branch = Branch()
    assert branch.state(branch.deploy("1.1.0")) is DeploymentState.DONE


def test_deployment_of_an_older_commit_does_not_begin() -> None:
    """Its build ended before the push of B; its call was late."""
    branch = Branch()
    old = branch.request("1.1.0")
    branch.push(A, B)
    assert branch.begin(old) == Planned("REFUSED", 0, "superseded: aaaaaaa is no longer the head of main: bbbbbbb is")
    assert branch.context.leases.current(CLUSTER).deployment == ""
    assert "superseded 1.1.0" in [each.what for each in branch.machine.memory.audit_log.entries]


def test_deployment_that_waits_is_superseded_by_a_push_before_it_begins() -> None:
    branch = Branch()
    branch.deploy("1.1.0")
    branch.push(A, B)
    branch.machine.host("host-2").silent = True
    branch.machine.memory.clock.sleep(60)
    waiting = branch.request("1.2.0")
    assert branch.begin(waiting).kind == "WAIT"
    branch.push(B, A)
    assert branch.begin(waiting).kind == "REFUSED"
    assert branch.state(waiting.deployment) is DeploymentState.SUPERSEDED
    assert branch.context.queue.waiting(CLUSTER) is None


def test_deployment_with_an_unreachable_agent_waits_and_begins_when_it_is_back() -> None:
    branch = Branch()
    host = branch.machine.host("host-2")
    host.silent = True
    branch.machine.memory.clock.sleep(60)
    request = branch.request("1.1.0")
    for _ in range(3):
        found = branch.begin(request)
        assert (found.kind, "host-2 has been unreachable since" in found.reason) == ("WAIT", True)
        branch.machine.memory.clock.sleep(20)
    record = branch.machine.record(request.deployment)
    assert (record.state, record.reason) == (DeploymentState.QUEUED, found.reason)
    host.silent = False
    branch.machine.memory.clock.sleep(20)
    assert branch.begin(request).kind == "PLANNED"
    branch.machine.run(request.deployment)
    assert branch.state(request.deployment) is DeploymentState.DONE


def test_deployment_waits_for_the_end_of_a_freeze() -> None:
    branch = Branch()
    freeze = Freeze(str(CLUSTER), "ada", "the fair", branch.machine.now)
    branch.context.freezes.put(freeze)
    request = branch.request("1.1.0")
    assert branch.begin(request).kind == "WAIT"
    branch.context.freezes.lift(freeze)
    assert branch.begin(request).kind == "PLANNED"


def test_version_that_is_quarantined_is_refused_at_once() -> None:
    branch = Branch()
    branch.context.fleet.quarantine(CLUSTER, "1.1.0", "it was bad")
    branch.machine.host("host-2").silent = True
    branch.machine.memory.clock.sleep(60)
    request = branch.request("1.1.0")
    assert branch.begin(request).kind == "REFUSED"
    assert branch.context.queue.waiting(CLUSTER) is None


def test_convergence_tries_a_deployment_again_that_waited_for_long() -> None:
    branch = Branch()
    host = branch.machine.host("host-2")
    host.silent = True
    branch.machine.memory.clock.sleep(60)
    request = branch.request("1.1.0")
    executions = branch.machine.memory.executions
    assert executions.start_rollout(request.deployment, {})
    assert branch.begin(request).kind == "WAIT"
    converge_all(branch.context, "0001", "schedule", CLUSTER)
    assert list(executions.rollouts) == [request.deployment], "its own execution plans it again"
    branch.machine.memory.clock.sleep(PLANS_AGAIN.total_seconds())
    assert branch.begin(request).kind == "QUEUED"
    executions.running.clear()
    for number in range(2, 7):
        converge_all(branch.context, f"000{number}", "schedule", CLUSTER)
        assert list(executions.rollouts)[-1] == f"{request.deployment}_{number}"
        assert begin_automatic(branch.context, request, f"{request.deployment}_{number}").kind == "QUEUED"
        executions.running.clear()
        branch.machine.memory.clock.sleep(timedelta(minutes=15).total_seconds())
    host.silent = False
    branch.machine.memory.clock.sleep(20)
    converge_all(branch.context, "0009", "schedule", CLUSTER)
    assert begin_automatic(branch.context, request, f"{request.deployment}_7").kind == "PLANNED"


def test_fix_takes_the_place_of_its_halted_predecessor() -> None:
    branch = Branch()
    broken = halted(branch)
    assert branch.state(broken) is DeploymentState.HALTED
    branch.push(A, B)
    fix = branch.request("1.2.0")
    assert branch.begin(fix).kind == "QUEUED"
    (question,) = branch.context.deployments.questions(broken)
    assert question.answer is not None
    assert (question.answer.choice, question.answer.by) == (Choice.ABORT, "delivery")
    branch.machine.run(broken)
    assert branch.state(broken) is DeploymentState.ABORTED
    assert branch.machine.run_what_waited() == fix.deployment
    assert branch.state(fix.deployment) is DeploymentState.DONE
    assert set(branch.machine.installed().values()) == {"1.2.0"}


def test_deployment_that_halts_while_the_fix_waits_ends_at_once() -> None:
    branch = Branch()
    branch.machine.host("host-1").breaks["1.1.0"] = AgentStage.SELF_TESTING
    first = branch.request("1.1.0")
    assert branch.begin(first).kind == "PLANNED"
    branch.push(A, B)
    assert branch.begin(branch.request("1.2.0")).kind == "QUEUED"
    step = branch.machine.run(first.deployment)
    await_human(branch.context, first.deployment, step.question, "token")
    branch.machine.run(first.deployment)
    assert branch.state(first.deployment) is DeploymentState.ABORTED


def test_halted_deployment_of_the_head_is_not_ended_for_one_that_the_branch_has_left() -> None:
    """Seed 3484 of the pushes: the older one waited, and was newer by the start of its deployment only."""
    branch = Branch()
    broken = halted(branch)
    branch.push(A, B)
    waiting = branch.machine.begin(branch.request("1.2.0"))
    assert waiting.kind == "QUEUED"
    branch.push(B, A)
    supersede_halted(branch.context, CLUSTER)
    (question,) = branch.context.deployments.questions(broken)
    assert question.answer is None


@pytest.mark.parametrize(("halts", "waits"), [(Source.OPERATOR, Source.DELIVERY), (Source.DELIVERY, Source.OPERATOR)])
def test_deployment_of_a_person_is_left_to_people(halts: Source, waits: Source) -> None:
    branch = Branch()
    branch.machine.host("host-1").breaks["1.1.0"] = AgentStage.SELF_TESTING
    broken = branch.request("1.1.0", halts)
    assert branch.machine.begin(broken).kind == "PLANNED"
    branch.machine.run(broken.deployment)
    branch.push(A, B)
    assert branch.machine.begin(branch.request("1.2.0", waits)).kind == "QUEUED"
    supersede_halted(branch.context, CLUSTER)
    assert branch.state(broken.deployment) is DeploymentState.HALTED
    (question,) = branch.context.deployments.questions(broken.deployment)
    assert question.answer is None


def test_answer_of_a_person_that_came_first_stays() -> None:
    branch = Branch()
    broken = halted(branch)
    branch.push(A, B)
    branch.machine.decide(broken, Choice.RETRY)
    (first, *_) = branch.context.deployments.questions(broken)
    branch.begin(branch.request("1.2.0"))
    (again, *_) = branch.context.deployments.questions(broken)
    assert again == first


def test_version_whose_manifest_is_gone_is_refused_by_the_plan() -> None:
    branch = Branch()
    request = branch.request("9.9.9")
    found = branch.begin(request)
    assert (found.kind, "9.9.9" in found.reason) == ("REFUSED", True)


def test_call_that_is_repeated_after_it_took_the_lease_begins() -> None:
    branch = Branch()
    request = branch.request("1.1.0")
    branch.context.leases.acquire(CLUSTER, request.deployment, branch.machine.now, 0)
    branch.push(A, B)
    assert branch.begin(request).kind == "PLANNED"
    finish(branch.context, CLUSTER, request.deployment, DeploymentState.ABORTED, "the test is over")


def test_agent_that_is_unreachable_for_the_plan_alone_makes_it_wait() -> None:
    """One observation decides. A second one might find the agent unreachable, and refuse for good."""
    branch = Branch()
    request = branch.request("1.1.0")
    branch.machine.host("host-2").silent = True
    branch.machine.memory.clock.sleep(60)
    found = begin(branch.context, request, request.deployment)
    assert (found.kind, "host-2 has been unreachable since" in found.reason) == ("WAIT", True)
    assert branch.state(request.deployment) is DeploymentState.QUEUED


def test_request_of_a_person_is_refused_for_what_passes_and_is_on_record() -> None:
    branch = Branch()
    branch.machine.host("host-2").silent = True
    branch.machine.memory.clock.sleep(60)
    request = branch.machine.request("1.1.0")
    assert begin(branch.context, request, request.deployment).kind == "REFUSED"
    record = branch.machine.record(request.deployment)
    assert (record.state, record.epoch) == (DeploymentState.REFUSED, 0)
    assert "host-2 has been unreachable since" in record.reason
    assert record.finished_at == branch.machine.now


def test_refusal_for_a_lasting_reason_is_on_record_and_not_repeated() -> None:
    branch = Branch()
    branch.context.fleet.quarantine(CLUSTER, "1.1.0", "it was bad")
    request = branch.request("1.1.0")
    assert branch.begin(request).kind == "REFUSED"
    assert branch.state(request.deployment) is DeploymentState.REFUSED
    branch.context.fleet.lift_quarantine(CLUSTER, "1.1.0")
    assert branch.begin(request).kind == "REFUSED"
    converge_all(branch.context, "0001", "schedule", CLUSTER)
    assert request.deployment not in branch.machine.memory.executions.rollouts


def test_wait_ends_after_a_week_and_says_so() -> None:
    branch = Branch()
    branch.machine.host("host-2").silent = True
    branch.machine.memory.clock.sleep(60)
    request = branch.request("1.1.0")
    assert branch.begin(request).kind == "WAIT"
    branch.machine.memory.clock.sleep(WAITS_AT_MOST.total_seconds())
    found = branch.begin(request)
    assert found.kind == "REFUSED"
    assert "which is more than 7 days: host-2 has been unreachable" in found.reason
    assert branch.state(request.deployment) is DeploymentState.REFUSED
    assert branch.context.queue.waiting(CLUSTER) is None
