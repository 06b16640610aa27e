"""An execution that waits is resumed by an answer, by an expiry, or when no answer is needed; never before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.rollout.task_tokens import await_answer, resume_answered, resume_unanswered
from lifecycle.domain.errors import Unknown
from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from tests.fakes.executions import MemoryExecutions
from tests.support.rollout import Machine

NAME = "hello-production-20261123120000-ab12"


class Executions(MemoryExecutions):
    """Executions that note what resumed them."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: list[tuple[str, Mapping[str, Any]]] = []

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        self.answered.append((token, output))
        return super().answer_token(token, output)


class Waiting:
    """A deployment with questions, whose executions wait with a token each."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.executions = Executions()
        self.context = replace(self.machine.context, executions=self.executions)
        self.store = self.machine.memory.deployments

    def ask(self, host: str, minute: int = 0, *, token: bool = True, expires: int = 60, **more: Any) -> Question:
        at = self.machine.now + timedelta(minutes=minute)
        asked = Question(
            *(NAME, f"decision-{host}-1-0", QuestionKind.DECISION, (Choice.RETRY,), "it failed", at, host, 1),
            expires_at=at + timedelta(minutes=expires),
        )
        question = self.store.ask(replace(asked, **more))
        if token:
            self.executions.waiting.add(f"token-{host}")
            question = self.store.attach_token(question, f"token-{host}")
        return question

    def answer(self, question: Question, choice: Choice = Choice.RETRY) -> None:
        self.store.answer(question, Answer(choice, "grace", "as agreed", self.machine.now))

    def resumed(self) -> list[str]:
        return [token for token, _ in self.executions.answered]

    def resume_answered(self) -> list[str]:
        current = replace(self.machine.record(self.machine.deploy("1.0.0")))
        return resume_answered(self.context, replace(current, request=replace(current.request, deployment=NAME)))


@pytest.fixture
def waiting() -> Waiting:
    """A deployment without questions yet."""
    return Waiting()


def test_pending_decision_is_not_resumed(waiting: Waiting) -> None:
    waiting.ask("h1")
    assert waiting.resume_answered() == []
    assert waiting.resumed() == []


def test_answered_and_expired_questions_are_resumed_by_their_tokens(waiting: Waiting) -> None:
    waiting.answer(waiting.ask("h1"))
    waiting.ask("h2", minute=-60, expires=30)
    assert sorted(waiting.resume_answered()) == ["decision-h1-1-0", "decision-h2-1-0"]
    assert sorted(waiting.resumed()) == ["token-h1", "token-h2"]
    assert ("token-h1", {"question": "decision-h1-1-0"}) in waiting.executions.answered


def test_question_that_no_execution_waits_for_is_not_resumed(waiting: Waiting) -> None:
    waiting.answer(waiting.ask("h1", token=False))
    assert waiting.resume_answered() == []
    assert waiting.resumed() == []


def test_execution_that_waits_no_more_is_not_counted_as_resumed(waiting: Waiting) -> None:
    waiting.answer(waiting.ask("h1"))
    waiting.executions.waiting.clear()
    assert waiting.resume_answered() == []


def test_newest_three_questions_are_looked_at(waiting: Waiting) -> None:
    for minute in (4, 1, 3, 2):
        waiting.answer(waiting.ask(f"h{minute}", minute))
    assert waiting.resume_answered() == ["decision-h2-1-0", "decision-h3-1-0", "decision-h4-1-0"]


@pytest.mark.parametrize(("host", "tokens"), [("h1", ["token-h1"]), ("", ["token-h1", "token-h2"]), ("h9", [])])
def test_pending_decisions_about_a_host_or_about_all_are_resumed(
    waiting: Waiting, host: str, tokens: list[str]
) -> None:
    waiting.ask("h1")
    waiting.ask("h2")
    waiting.answer(waiting.ask("h3"))
    waiting.ask("h4", token=False)
    resume_unanswered(waiting.context, NAME, host)
    assert sorted(waiting.resumed()) == tokens


def test_token_of_a_pending_decision_is_stored(waiting: Waiting) -> None:
    question = waiting.ask("h1", token=False)
    await_answer(waiting.context, NAME, question.id, "token-1")
    assert waiting.store.questions(NAME)[0].token == "token-1"
    assert waiting.resumed() == []


def test_answer_that_came_before_the_token_resumes_at_once(waiting: Waiting) -> None:
    question = waiting.ask("h1", token=False)
    waiting.answer(question)
    await_answer(waiting.context, NAME, question.id, "token-1")
    assert waiting.executions.answered == [("token-1", {"question": question.id})]


@pytest.mark.parametrize("answered", [True, False])
def test_request_to_roll_back_resumes_another_question_once_it_is_answered(waiting: Waiting, answered: bool) -> None:  # noqa: FBT001
    question = waiting.ask("h1", token=False)
    rollback = waiting.ask("", token=False, id="rollback", kind=QuestionKind.ROLLBACK, choices=(Choice.ROLL_BACK,))
    if answered:
        waiting.answer(rollback, Choice.ROLL_BACK)
    await_answer(waiting.context, NAME, question.id, "token-1")
    assert waiting.resumed() == (["token-1"] if answered else [])


def test_unknown_question_has_no_token(waiting: Waiting) -> None:
    waiting.ask("h1")
    with pytest.raises(Unknown, match=f"question 'decision-h9-1-0' of {NAME} not found. See `lifecycle status`"):
        await_answer(waiting.context, NAME, "decision-h9-1-0", "token-1")


def test_answer_about_another_host_resumes_nothing(waiting: Waiting) -> None:
    question = waiting.ask("h1", token=False)
    waiting.answer(waiting.ask("h2", token=False))
    await_answer(waiting.context, NAME, question.id, "token-1")
    assert waiting.resumed() == []
