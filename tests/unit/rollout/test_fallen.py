"""A host that falls after it was alive halts its rollout, and the question is about that host."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.domain.fleet.host import ServiceEnd
from lifecycle.domain.rollout.attempt import AttemptState, Blame
from lifecycle.domain.rollout.decision import Choice, EvidenceKind, Question
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.fallen import fall_blame
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER, Machine

# The plan takes turns between the zones.
FIRST = "host-2"


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def falls(machine: Machine, host: str, how: str = "exit code 3", *, booted: bool = False, old: bool = False) -> None:
    """Let the service of a host end; an `old` agent does not say how."""
    report = machine.report(host)
    end = None if old else ServiceEnd(machine.now, how, report.boot, booted, "Traceback: no such table")
    machine.memory.fleet.write_report(CLUSTER, replace(report, running=False, boot="", ended=end))
    machine.memory.dispatcher.dead.add(machine.host(host).address)
    machine.memory.dispatcher.settle()


def recovers(machine: Machine, host: str) -> None:
    """Let the next start of a host answer its health checks."""
    machine.memory.dispatcher.dead.discard(machine.host(host).address)


def begun(machine: Machine) -> str:
    """Begin 1.0.1, and update its first host."""
    request = machine.request("1.0.1")
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    assert machine.begin(request).kind == "PLANNED"
    step = machine.decide_next(request.deployment)
    (given,) = step.hosts
    machine.update(request.deployment, str(given["host"]), int(given["attempt"]))
    return request.deployment


def question(machine: Machine, name: str) -> Question:
    return machine.memory.deployments.questions(name)[-1]


def test_question_is_about_the_host_that_fell_and_has_the_cause_and_its_log(machine: Machine) -> None:
    name = begun(machine)
    machine.memory.clock.sleep(8)
    falls(machine, FIRST)
    assert machine.run(name).kind == "AWAIT_HUMAN"
    asked = question(machine, name)
    assert (asked.host, asked.attempt, asked.blame) == (FIRST, 1, Blame.VERSION)
    assert "its service ended with exit code 3" in asked.reason
    assert "after host-2 was alive on 1.0.1" in asked.reason
    assert (asked.evidence, asked.evidence_kind) == ("Traceback: no such table", EvidenceKind.HOST_LOG)
    assert set(asked.choices) == {
        Choice.RETRY, Choice.SKIP_HOST, Choice.FORCE_NEXT, Choice.ROLL_BACK, Choice.ABORT,
    }  # fmt: skip
    assert [h for h, version in machine.installed().items() if version == "1.0.1"] == [FIRST]


def test_host_that_booted_leaves_the_blame_open(machine: Machine) -> None:
    name = begun(machine)
    falls(machine, FIRST, booted=True)
    machine.run(name)
    assert (question(machine, name).blame, "booted" in question(machine, name).reason) == (Blame.UNCLEAR, True)


def test_agent_of_an_older_version_halts_it_too(machine: Machine) -> None:
    name = begun(machine)
    falls(machine, FIRST, old=True)
    machine.run(name)
    assert question(machine, name).host == FIRST


def test_retry_installs_the_version_there_again(machine: Machine) -> None:
    name = begun(machine)
    falls(machine, FIRST)
    machine.run(name)
    recovers(machine, FIRST)
    machine.decide(name, Choice.RETRY, FIRST)
    assert machine.record(name).state is DeploymentState.DONE
    assert [each.number for each in machine.memory.deployments.attempts(name) if each.host == FIRST] == [1, 2]


@pytest.mark.parametrize("choice", [Choice.ABORT, Choice.ROLL_BACK])
def test_answer_that_ends_the_deployment_names_the_fall(machine: Machine, choice: Choice) -> None:
    name = begun(machine)
    falls(machine, FIRST)
    machine.run(name)
    recovers(machine, FIRST)
    machine.decide(name, choice, FIRST)
    wanted = DeploymentState.ABORTED if choice is Choice.ABORT else DeploymentState.ROLLED_BACK
    assert machine.record(name).state is wanted
    if choice is Choice.ROLL_BACK:
        assert set(machine.serving().values()) == {"1.0.0"}
    else:
        assert "exit code 3" in machine.record(name).reason


def test_host_that_is_skipped_is_left_out_and_the_others_go_on(machine: Machine) -> None:
    name = begun(machine)
    falls(machine, FIRST)
    machine.run(name)
    machine.decide(name, Choice.SKIP_HOST, FIRST)
    found = machine.record(name)
    assert (found.state, found.skipped_hosts) == (DeploymentState.DONE, (FIRST,))


def test_host_that_is_postponed_is_asked_about_again_at_the_end(machine: Machine) -> None:
    name = begun(machine)
    falls(machine, FIRST)
    machine.run(name)
    machine.decide(name, Choice.FORCE_NEXT, FIRST)
    asked = question(machine, name)
    assert (asked.host, asked.again, "exit code 3" in asked.reason) == (FIRST, 1, True)
    assert list(machine.serving()) == ["host-1", "host-3", "host-4"]


def test_last_host_that_falls_keeps_the_deployment_from_done(machine: Machine) -> None:
    machine.stop_at = "FINISH"
    name = machine.deploy("1.0.1")
    machine.stop_at = ""
    falls(machine, "host-4")
    assert machine.run(name).kind == "AWAIT_HUMAN"
    assert (question(machine, name).host, question(machine, name).blame) == ("host-4", Blame.VERSION)


def test_answer_about_the_first_attempt_does_not_count_for_the_second(machine: Machine) -> None:
    name = begun(machine)
    falls(machine, FIRST)
    machine.run(name)
    recovers(machine, FIRST)
    machine.stop_at = "UPDATE_HOSTS"
    machine.decide(name, Choice.RETRY, FIRST)
    machine.stop_at = ""
    step = machine.decide_next(name)
    assert [(each["host"], each["attempt"]) for each in step.hosts] == [(FIRST, 2)]
    machine.update(name, FIRST, 2)
    falls(machine, FIRST)
    machine.run(name)
    assert (question(machine, name).host, question(machine, name).attempt) == (FIRST, 2)


def test_host_of_the_version_from_before_that_falls_is_next_and_says_so(machine: Machine) -> None:
    name = begun(machine)
    falls(machine, "host-3", "SIGKILL")
    step = machine.decide_next(name)
    assert [each["host"] for each in step.hosts] == ["host-3"]
    assert "host-3 was down before: its service ended with SIGKILL" in step.reason


def test_unhealthy_updated_host_is_asked_about_instead_of_the_next_one(machine: Machine) -> None:
    name = begun(machine)
    machine.memory.dispatcher.dead.add(machine.host(FIRST).address)
    machine.memory.dispatcher.settle()
    machine.run(name)
    assert question(machine, name).host == FIRST
    assert "in rotation, but unhealthy" in question(machine, name).reason


def test_host_must_stay_alive_before_the_next_one() -> None:
    machine = Machine(policy=Policy(min_alive_seconds=300))
    began = machine.now
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.now - began > timedelta(seconds=4 * 300)


def test_host_that_dies_within_that_time_fails_and_leaves_rotation() -> None:
    machine = Machine(policy=Policy(min_alive_seconds=300))
    machine.deploy("1.0.0")
    dies_at = machine.now + timedelta(seconds=60)

    def die() -> None:
        report = machine.report(FIRST)
        if machine.now > dies_at and report.running and report.installed == "1.0.1":
            falls(machine, FIRST)

    machine.memory.clock.ticks.append(die)
    name = machine.deploy("1.0.1")
    (attempt,) = machine.memory.deployments.attempts(name)
    assert (attempt.state, attempt.reached, attempt.blame) == (
        AttemptState.FAILED, AttemptState.REGISTERED, Blame.VERSION,
    )  # fmt: skip
    assert "exit code 3" in attempt.reason
    assert attempt.evidence == "Traceback: no such table"
    assert machine.now - dies_at < timedelta(seconds=120)
    assert list(machine.serving()) == ["host-1", "host-3", "host-4"]


def test_repair_does_not_wait_that_long() -> None:
    machine = Machine(policy=Policy(min_alive_seconds=300))
    machine.deploy("1.0.0")
    began = machine.now
    falls(machine, FIRST)
    recovers(machine, FIRST)
    name = machine.deploy("1.0.0", Kind.CONVERGE, only=(FIRST,))
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.now - began < timedelta(seconds=100)


def test_next_step_names_four_of_the_hosts_that_were_down_before() -> None:
    machine = Machine(hosts=12, policy=Policy(max_unavailable=6))
    machine.deploy("1.0.0")
    for number in range(1, 7):
        falls(machine, f"host-{number}")
    request = machine.request("1.0.1")
    assert machine.begin(request).kind == "PLANNED"
    step = machine.decide_next(request.deployment)
    assert sorted(str(each["host"]) for each in step.hosts) == [f"host-{number}" for number in range(1, 7)]
    assert step.reason.count("was down before") == 4


@pytest.mark.parametrize(
    ("how", "booted", "blame", "words"),
    [
        ("exit code 3", True, Blame.UNCLEAR, "host-2 booted while it ran 1.0.1"),
        ("SIGKILL", True, Blame.UNCLEAR, "host-2 booted while it ran 1.0.1"),
        ("SIGKILL", False, Blame.VERSION, "SIGKILL comes from the kernel when memory runs out"),
        ("exit code 3", False, Blame.VERSION, "1.0.1 passed its self-test on host-2, and ended by itself later"),
    ],
)
def test_end_of_a_service_says_what_is_to_blame(
    machine: Machine,
    how: str,
    booted: bool,  # noqa: FBT001
    blame: Blame,
    words: str,
) -> None:
    falls(machine, FIRST, how, booted=booted)
    found, why = fall_blame("1.0.1", machine.report(FIRST))
    assert (found, words in why) == (blame, True)


def test_service_of_an_older_agent_ended_by_itself(machine: Machine) -> None:
    falls(machine, FIRST, old=True)
    blame, why = fall_blame("1.0.1", machine.report(FIRST))
    assert (blame, why) == (Blame.VERSION, "1.0.1 passed its self-test on host-2, and ended by itself later")


def test_host_that_became_unhealthy_is_asked_about_once() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    name = request.deployment

    def fail_checks() -> None:
        for each in machine.context.deployments.attempts(name):
            if each.state is AttemptState.ALIVE:
                machine.memory.dispatcher.dead.add(machine.host(each.host).address)

    assert machine.begin(request).kind == "PLANNED"
    machine.memory.clock.ticks.append(fail_checks)
    machine.run(name)
    first = "host-2 was updated and alive, and now it is in rotation, but unhealthy"
    assert [each.reason for each in machine.context.deployments.questions(name)] == [first]
    machine.decide(name, Choice.FORCE_NEXT, "host-2")
    open_ = [each.host for each in machine.context.deployments.questions(name) if not each.answer]
    assert open_ == ["host-1"]


def test_effects_name_the_other_hosts_that_fell() -> None:
    machine = Machine(policy=Policy(max_unavailable=2, min_alive_seconds=0))
    machine.deploy("1.0.0")
    request = machine.request("1.0.1")
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    step = machine.decide_next(request.deployment)
    given = {str(each["host"]): int(each["attempt"]) for each in step.hosts}
    for host, attempt in given.items():
        machine.update(request.deployment, host, attempt)
    first, second = given
    falls(machine, first)
    falls(machine, second)
    machine.run(request.deployment)
    asked = question(machine, request.deployment)
    other = second if asked.host == first else first
    assert asked.effects[Choice.RETRY].endswith(f"then you are asked about {other} next")
    assert f"{other} down, " in asked.effects[Choice.ABORT]
    assert other in asked.effects[Choice.ROLL_BACK]
