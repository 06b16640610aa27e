"""A question may be taken by somebody: others see who and since when, and it stays open."""

from datetime import timedelta

import pytest

from lifecycle.application.queries.pending_decisions import answered_words, assigned_words, view_pending_decisions
from lifecycle.application.queries.scope import Scope
from lifecycle.application.rollout.assign import assign
from lifecycle.application.rollout.decide import answer_deployment
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.decision import Answer, Choice, just_answered
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk as Terminal
from tests.unit.console.desk import Desk


@pytest.fixture
def desk() -> Desk:
    made = Desk.of()
    made.machine.deploy("1.0.0")
    return made


def take(desk: Desk, name: str, by: str, why: str = "") -> None:
    answer_deployment(desk.machine.context, CLUSTER, name, Answer(Choice.ASSIGN, by, why, desk.machine.now))


def test_question_stays_open_and_names_the_person(desk: Desk) -> None:
    name = desk.halted()
    take(desk, name, "ada")
    (question,) = desk.machine.memory.deployments.questions(name)
    assert question.answer is None
    assert question.assigned
    assert (question.assigned.by, question.assigned.at) == ("ada", desk.machine.now)
    assert desk.machine.record(name).state is DeploymentState.HALTED
    assert assigned_words(question, desk.machine.now + timedelta(minutes=5)).startswith("ada is on it, since 2026-")
    assert (f"is on {question.id}", "ada", "") in [
        (each.what, each.who, each.why) for each in desk.machine.memory.audit_log.read(CLUSTER)
    ]


def test_another_person_may_take_it_over_and_the_trail_has_both(desk: Desk) -> None:
    name = desk.halted()
    take(desk, name, "ada")
    take(desk, name, "grace", "my turn")
    (question,) = desk.machine.memory.deployments.questions(name)
    assert question.assigned
    assert question.assigned.by == "grace"
    assert "my turn; ada was on it" in [each.why for each in desk.machine.memory.audit_log.read(CLUSTER)]


def test_nothing_is_assigned_that_nobody_asked(desk: Desk) -> None:
    name = desk.machine.deploy("1.0.1")
    with pytest.raises(Refused, match="nothing was asked"):
        take(desk, name, "ada")


def test_answered_question_is_not_taken(desk: Desk) -> None:
    name = desk.halted()
    (question,) = desk.machine.memory.deployments.questions(name)
    desk.machine.decide(name, Choice.ABORT, "host-2")
    answer = Answer(Choice.ASSIGN, "ada", "", desk.machine.now)
    with pytest.raises(Refused, match="grace answered ABORT"):
        assign(desk.machine.context, CLUSTER, name, answer, question.id)


def test_assigned_question_takes_its_answer(desk: Desk) -> None:
    name = desk.halted()
    take(desk, name, "ada")
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    assert desk.machine.record(name).state is DeploymentState.ROLLED_BACK


def test_page_has_the_button_and_shows_who_is_on_it(desk: Desk) -> None:
    desk.halted()
    assert "is on decision-host-2" in desk.press(**desk.see("questions").button("I am on it").params).message
    assert "taken ada is on it, since" in desk.see("questions").text


def test_answer_is_shown_for_an_hour(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.ABORT, "host-2")
    (question,) = desk.machine.memory.deployments.questions(name)
    assert question.answer
    at = question.answer.at
    assert just_answered([question], at + timedelta(minutes=59)) == [question]
    assert just_answered([question], at + timedelta(hours=1)) == []
    assert answered_words(question, at).startswith("grace answered ABORT on host-2, attempt 1 at 2026-")
    assert "answered production/hello 1.0.1: grace answered ABORT on host-2" in desk.see("questions").text
    desk.machine.memory.clock.sleep(3700)
    assert view_pending_decisions(desk.query, Scope()).answered == ()


def test_command_assigns_and_status_says_so() -> None:
    terminal = Terminal()
    name = terminal.halted()
    said = terminal.type("assign hello").output
    assert f"is on {name}" in said
    (question,) = terminal.facts("status hello")["clusters"][0]["questions"]
    assert question["assigned"]["by"]
    assert "is on it, since" in terminal.type("status hello").output
    terminal.machine.decide(name, Choice.ABORT, "host-2")
    assert "grace answered ABORT on host-2" in " ".join(terminal.type("status hello").output.split())
