"""The release command: once for each deployment, before any host is changed; where nobody knows, a human is asked."""

from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.next_step import Decided
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.host import NOT_KNOWN, AgentStage, Feature
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt, ReleaseRun, UnreadableAttempt
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.manifest import ReleaseCommand
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER, Machine, manifest
from tests.unit.rollout.test_configuration_pairs import configure

FIRST = "host-2"  # the first of the plan
COMMAND = ReleaseCommand("python manage.py migrate", 60)


def cluster(policy: Policy | None = None, seconds: float = 60) -> Machine:
    """Return a cluster that serves 1.0.0; 1.1.0 has a release command."""
    made = Machine()
    made.deploy("1.0.0")
    made.publish(manifest("1.1.0", policy, release=replace(COMMAND, timeout_seconds=seconds)))
    return made


@pytest.fixture
def machine() -> Machine:
    return cluster()


def runs(machine: Machine) -> list[str]:
    """Return the versions whose command ran, on any host."""
    return [version for host in machine.hosts for version in host.released]


def attempts(machine: Machine, name: str) -> list[HostAttempt]:
    return sorted(machine.memory.deployments.attempts(name), key=lambda each: each.started_at)


def question(machine: Machine, name: str) -> Question:
    return max(machine.memory.deployments.questions(name), key=lambda each: each.asked_at)


def halted(machine: Machine, outcome: str) -> str:
    for host in machine.hosts:
        host.release = outcome
    name = machine.deploy("1.1.0")
    assert machine.record(name).state is DeploymentState.HALTED
    return name


def answer(machine: Machine, name: str, choice: Choice) -> Decided:
    asked = question(machine, name)
    return machine.decide(name, choice, asked.host, asked.attempt)


def heal(machine: Machine) -> None:
    for host in machine.hosts:
        host.release = "passes"


def ends(machine: Machine, name: str) -> DeploymentState:
    return machine.record(name).state


def test_command_runs_once_on_the_first_host_before_any_is_drained(machine: Machine) -> None:
    before = len(machine.rotations)
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.1.0")
    assert runs(machine) == ["1.1.0"]
    assert set(machine.serving().values()) == {"1.0.0"}
    assert all(len(each) == 4 for each in machine.rotations[before:])
    machine.stop_at = ""
    assert machine.run(name).outcome == "DONE"
    assert runs(machine) == ["1.1.0"]
    first, *others = attempts(machine, name)
    assert (first.host, first.number, first.state) == (FIRST, 1, AttemptState.RELEASED)
    assert first.release is ReleaseRun.PASSED
    alive = {(each.host, each.number) for each in others if each.state is AttemptState.ALIVE}
    assert alive == {("host-1", 1), (FIRST, 2), ("host-3", 1), ("host-4", 1)}


def test_deployment_without_a_command_runs_none(machine: Machine) -> None:
    assert ends(machine, machine.deploy("1.0.2")) is DeploymentState.DONE
    assert runs(machine) == []


def test_failed_command_halts_with_its_log_and_nothing_touched(machine: Machine) -> None:
    name = halted(machine, "fails")
    asked = question(machine, name)
    assert asked.choices == (Choice.RETRY, Choice.ABORT)
    assert asked.reason == "the release command failed: exit code 3"
    assert "migrated" in asked.evidence
    assert asked.effects[Choice.ABORT] == "stop here: no host was changed, and what the command did stays"
    assert set(machine.serving().values()) == {"1.0.0"}
    assert len(machine.serving()) == 4
    assert [each.blame for each in attempts(machine, name)] == [""]  # no diagnosis: no host is at fault


def test_failed_command_is_retried_once_for_each_answer(machine: Machine) -> None:
    name = halted(machine, "fails")
    assert answer(machine, name, Choice.RETRY).kind == "AWAIT_HUMAN"
    assert len(runs(machine)) == 2
    heal(machine)
    assert answer(machine, name, Choice.RETRY).outcome == "DONE"
    assert len(runs(machine)) == 3
    assert set(machine.serving().values()) == {"1.1.0"}


def test_abort_after_a_failed_command_leaves_the_version_of_before_desired(machine: Machine) -> None:
    name = halted(machine, "fails")
    assert answer(machine, name, Choice.ABORT).outcome == "ABORTED"
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.0"
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "CONVERGED"
    assert set(machine.serving().values()) == {"1.0.0"}


@pytest.mark.parametrize("outcome", ["lost", "runs"])
def test_command_that_may_have_run_is_asked_about_and_not_repeated(machine: Machine, outcome: str) -> None:
    """The agent does not know, or never reports an end."""
    name = halted(machine, outcome)
    asked = question(machine, name)
    assert asked.choices == (Choice.RETRY, Choice.GO_ON, Choice.ABORT)
    assert asked.reason.startswith(NOT_KNOWN)
    assert len(runs(machine)) == 1
    heal(machine)
    assert answer(machine, name, Choice.GO_ON).outcome == "DONE"
    assert len(runs(machine)) == 1
    assert set(machine.serving().values()) == {"1.1.0"}


def test_command_of_an_unreachable_agent_is_asked_about(machine: Machine) -> None:
    machine.host(FIRST).release = "runs"
    machine.stop_at = "RELEASE_COMMAND"
    name = machine.deploy("1.1.0")
    machine.host(FIRST).silent = True
    machine.stop_at = ""
    machine.run(name)
    assert question(machine, name).reason.startswith(f"{NOT_KNOWN}: the agent of {FIRST} is unreachable")
    assert question(machine, name).choices[1] is Choice.GO_ON


def test_command_that_counts_as_run_is_withdrawn_from_an_agent_that_comes_back(machine: Machine) -> None:
    """Found by the simulation: the agent began it while other hosts were updated already."""
    machine.host(FIRST).release = "runs"
    machine.host(FIRST).silent = True
    name = machine.deploy("1.1.0")
    assert machine.turn(FIRST).order is Order.RELEASE
    machine.stop_at = "UPDATE_HOSTS"
    answer(machine, name, Choice.GO_ON)
    assert (machine.turn(FIRST).order, machine.turn(FIRST).attempt) == (Order.PREFETCH, 2)


def test_command_is_withdrawn_before_another_host_runs_it(machine: Machine) -> None:
    """Found by the simulation: the agent of the first run came back, and began it after the second."""
    machine.host(FIRST).release = "runs"
    machine.host(FIRST).silent = True
    name = machine.deploy("1.1.0")
    machine.leave(FIRST)
    machine.stop_at = "RELEASE_COMMAND"
    assert answer(machine, name, Choice.RETRY).hosts[0]["host"] != FIRST
    assert (machine.turn(FIRST).order, machine.turn(FIRST).attempt) == (Order.PREFETCH, 2)


@pytest.mark.parametrize("choice", [Choice.RETRY, Choice.GO_ON])
def test_each_run_of_one_pass_is_withdrawn_before_the_first_update(machine: Machine, choice: Choice) -> None:
    """Another run has passed, so that either answer goes on."""
    machine.memory.clock.sleep(1)
    name = machine.request("1.1.0")
    machine.begin(name)
    assert machine.decide_next(name.deployment, name.deployment).kind == "RELEASE_COMMAND"
    (first,) = attempts(machine, name.deployment)
    assert machine.memory.deployments.begin_attempt(replace(first, host="host-3"))
    assert machine.memory.deployments.put_attempt(
        replace(first, state=AttemptState.RELEASED, release=ReleaseRun.PASSED)
    )
    assert machine.decide_next(name.deployment, name.deployment).kind == "AWAIT_HUMAN"
    machine.leave("host-3")
    machine.stop_at = "UPDATE_HOSTS"
    answer(machine, name.deployment, choice)
    assert (machine.turn("host-3").order, machine.turn("host-3").attempt) == (Order.PREFETCH, 2)


@pytest.mark.parametrize("after", [Choice.RETRY, Choice.GO_ON])
def test_command_of_a_host_that_left_is_asked_about(machine: Machine, after: Choice) -> None:
    """Another host must not run it again by itself."""
    name = halted(machine, "lost")
    machine.leave(FIRST)
    heal(machine)
    assert machine.run(name).kind == "AWAIT_HUMAN"
    assert runs(machine) == []  # the host that left took its count with it
    assert answer(machine, name, after).outcome == "DONE"
    assert runs(machine) == (["1.1.0"] if after is Choice.RETRY else [])
    assert set(machine.serving().values()) == {"1.1.0"}


def test_lost_call_is_looked_for_and_then_asked_about(machine: Machine) -> None:
    """The function never answers, as when each call is killed: only next_step ever writes."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.1.0")
    assert machine.begin(request).kind == "PLANNED"
    kinds = [machine.decide_next(request.deployment, request.deployment).kind for _ in range(4)]
    assert kinds == ["RELEASE_COMMAND", "RELEASE_COMMAND", "AWAIT_HUMAN", "AWAIT_HUMAN"]
    assert question(machine, request.deployment).choices == (Choice.RETRY, Choice.GO_ON, Choice.ABORT)
    found = attempts(machine, request.deployment)
    assert [(each.number, each.state, each.release) for each in found] == [
        (1, AttemptState.FAILED, ReleaseRun.NOT_KNOWN)
    ]


@pytest.mark.parametrize("passed", [True, False])
def test_run_that_two_calls_of_a_pass_gave_to_two_hosts_is_asked_about(machine: Machine, *, passed: bool) -> None:
    """A call whose answer was lost writes last; the answer of the other call counts."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.1.0")
    machine.begin(request)
    name = request.deployment
    assert machine.decide_next(name, name).kind == "RELEASE_COMMAND"
    (first,) = attempts(machine, name)
    assert machine.memory.deployments.begin_attempt(replace(first, host="host-3"))
    if passed:
        ended = replace(first, state=AttemptState.RELEASED, release=ReleaseRun.PASSED)
        assert machine.memory.deployments.put_attempt(ended)
    assert machine.decide_next(name, name).kind == "AWAIT_HUMAN"
    asked = question(machine, name)
    assert (asked.host, asked.reason.startswith(NOT_KNOWN)) == ("host-3" if passed else asked.host, True)
    assert runs(machine) == []


def test_next_execution_does_not_repeat_a_run_without_an_end(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.1.0")
    machine.begin(request)
    name = request.deployment
    assert machine.decide_next(name, name).kind == "RELEASE_COMMAND"
    machine.memory.deployments.put(replace(machine.record(name), execution=f"{name}_2"))
    assert machine.decide_next(name, f"{name}_2").kind == "AWAIT_HUMAN"
    assert question(machine, name).reason.startswith(NOT_KNOWN)


def test_answer_counts_where_the_record_of_the_run_was_deleted(machine: Machine) -> None:
    name = halted(machine, "lost")
    del machine.memory.deployments._attempts[name, FIRST, 1]
    heal(machine)
    assert answer(machine, name, Choice.GO_ON).outcome == "DONE"
    assert len(runs(machine)) == 1
    assert set(machine.serving().values()) == {"1.1.0"}


def test_question_about_a_failed_command_stays_where_its_record_was_deleted(machine: Machine) -> None:
    name = halted(machine, "fails")
    del machine.memory.deployments._attempts[name, FIRST, 1]
    assert machine.run(name).kind == "AWAIT_HUMAN"
    assert question(machine, name).choices == (Choice.RETRY, Choice.ABORT)
    assert answer(machine, name, Choice.ABORT).outcome == "ABORTED"
    assert len(runs(machine)) == 1


def test_deleted_record_of_a_passed_run_lets_nothing_run_again(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.1.0")
    del machine.memory.deployments._attempts[name, FIRST, 1]
    machine.stop_at = ""
    assert machine.run(name).outcome == "DONE"
    assert runs(machine) == ["1.1.0"]
    note = machine.record(name).release
    assert (note.run, note.counted) == (ReleaseRun.PASSED, False), "no human counted it"


def test_deleted_record_of_a_run_that_may_go_on_is_asked_about(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.1.0")
    machine.begin(request)
    name = request.deployment
    assert machine.decide_next(name, name).kind == "RELEASE_COMMAND"
    del machine.memory.deployments._attempts[name, FIRST, 1]
    assert machine.decide_next(name, name).kind == "AWAIT_HUMAN"
    assert question(machine, name).reason == f"{NOT_KNOWN}: the record of its run is gone"
    assert Choice.GO_ON in question(machine, name).choices


def test_damaged_record_of_a_run_is_asked_about(machine: Machine) -> None:
    machine.memory.clock.sleep(1)
    request = machine.request("1.1.0")
    machine.begin(request)
    name = request.deployment
    assert machine.decide_next(name, name).kind == "RELEASE_COMMAND"
    attempts_ = machine.memory.deployments._attempts
    was = attempts_[name, FIRST, 1]
    attempts_[name, FIRST, 1] = UnreadableAttempt(
        name, FIRST, 1, was.epoch, "", was.started_at, state=AttemptState.FAILED, reason="it is damaged"
    )
    assert machine.decide_next(name, name).kind == "AWAIT_HUMAN"
    assert question(machine, name).choices == (Choice.RETRY, Choice.GO_ON, Choice.ABORT)
    assert runs(machine) == []


def test_plan_that_is_repeated_knows_what_has_run(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.1.0")
    before = machine.record(name)
    del machine.memory.deployments._attempts[name, FIRST, 1]
    machine.memory.leases._leases.clear()
    machine.begin(before.request)
    assert machine.record(name).release == before.release


def test_long_command_is_looked_at_again_until_it_ends() -> None:
    machine = cluster(seconds=3000)
    machine.host(FIRST).release = "runs"
    request = machine.request("1.1.0")
    machine.memory.clock.sleep(1)
    machine.begin(request)
    name = request.deployment
    for _ in range(3):
        assert machine.decide_next(name, name).kind == "RELEASE_COMMAND"
        assert machine.release(name, FIRST, 1).outcome == "RUNNING"
    report = replace(machine.report(FIRST), stage=AgentStage.RELEASED)
    machine.memory.fleet.write_report(CLUSTER, report)
    assert machine.decide_next(name, name).kind == "RELEASE_COMMAND"
    assert machine.release(name, FIRST, 1).outcome == "PASSED"
    assert machine.run(name).outcome == "DONE"
    assert len(runs(machine)) == 1


def test_repeated_call_of_the_function_gives_the_command_once(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.1.0")
    assert machine.release(name, FIRST, 1).outcome == "PASSED"
    assert machine.release(name, FIRST, 2).outcome == "SKIPPED"
    assert len(runs(machine)) == 1


def test_rollback_and_repair_run_no_command(machine: Machine) -> None:
    machine.deploy("1.1.0")
    machine.join("host-5")
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"
    machine.run_what_waited()
    assert machine.serving()["host-5"] == "1.1.0"
    machine.deploy("1.0.2")
    assert ends(machine, machine.deploy("1.1.0", Kind.ROLLBACK)) is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.1.0"}
    assert runs(machine) == ["1.1.0"]


def test_changed_configuration_of_the_same_version_runs_it_once_more(machine: Machine) -> None:
    machine.deploy("1.1.0")
    configure(machine, COLOUR="blue")
    assert ends(machine, machine.deploy("1.1.0")) is DeploymentState.DONE
    assert runs(machine) == ["1.1.0", "1.1.0"]


def test_approval_before_the_first_host_comes_before_the_command() -> None:
    machine = cluster(Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, min_alive_seconds=0))
    machine.memory.clock.sleep(1)
    name = machine.deploy("1.1.0")
    assert (ends(machine, name), runs(machine)) == (DeploymentState.AWAITING_APPROVAL, [])
    assert machine.approve(name, Choice.APPROVE).outcome == "DONE"
    assert runs(machine) == ["1.1.0"]


def test_older_agent_blocks_the_plan(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report(FIRST), features=()))
    why = f"the agent of {FIRST} is older and knows no release command: update it"
    assert preview(machine.context, machine.request("1.1.0")).blockers == (why,)
    assert not preview(machine.context, machine.request("1.0.2")).blockers


def test_older_agent_is_given_no_release_command(machine: Machine) -> None:
    """It was replaced by an older one after the plan."""
    machine.stop_at = "RELEASE_COMMAND"
    name = machine.deploy("1.1.0")
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report(FIRST), features=()))
    machine.stop_at = ""
    machine.run(name)
    asked = question(machine, name)
    assert asked.choices == (Choice.RETRY, Choice.ABORT)
    assert "it did not begin: the agent of host-2 is older" in asked.reason
    assert runs(machine) == []
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report(FIRST), features=tuple(Feature)))
    assert answer(machine, name, Choice.RETRY).outcome == "DONE"


def test_plan_shows_the_command(machine: Machine) -> None:
    assert preview(machine.context, machine.request("1.1.0")).release == COMMAND
    assert preview(machine.context, machine.request("1.0.2")).release is None
    assert preview(machine.context, machine.request("1.1.0", Kind.ROLLBACK)).release is None
