"""Answers from humans: a decision on a failed host, an approval at a gate, a rollback of what runs.

Called by functions/decide and functions/approve. The record of the answer is the truth; waking the waiting
execution is a hint, because next_step reads the records.
"""

from collections.abc import Callable

from lifecycle.application import observe
from lifecycle.application.world import World
from lifecycle.domain.deployment import (
    ROLLBACK_REQUEST,
    Answer,
    Choice,
    Deployment,
    Kind,
    Question,
    TrailEntry,
)
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet import Cluster


def decide(world: World, cluster: Cluster, name: str, host: str, attempt: int, answer: Answer) -> Question:
    """Answer the open question about exactly this host and attempt; raises Unknown, Refused."""
    current = observe.deployment(world, cluster, name)
    question = _open(world, current, lambda q: bool(q.host), f"a decision on {host}, attempt {attempt}")
    if (question.host, question.attempt) != (host, attempt):
        asked = f"{question.host}, attempt {question.attempt}"
        raise Refused(f"the decision on {host}, attempt {attempt}", [f"{name} asks about {asked}"])
    return _answer(world, current, question, answer)


def approve(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Approve or reject what the deployment waits for; raises Unknown, Refused (expired ones too)."""
    current = observe.deployment(world, cluster, name)
    question = _open(world, current, lambda q: not q.host, "an approval")
    if question.expires_at and answer.at >= question.expires_at:
        world.executions.answer_token(question.token, {"question": question.id})
        raise Refused("the answer", [f"the approval expired at {question.expires_at:%Y-%m-%d %H:%M:%S} UTC"])
    return _answer(world, current, question, answer)


def request_rollback(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Roll back a deployment that runs, waits or is halted, before its next host; raises Unknown, Refused."""
    current = observe.deployment(world, cluster, name)
    if current.state.final:
        raise Refused(
            f"the rollback of {name}", [f"it has ended: {current.state}; roll back its successor instead"]
        )
    if current.request.kind is Kind.ROLLBACK:
        raise Refused(
            f"the rollback of {name}", ["it is a rollback itself; abort it, and deploy what you want"]
        )
    if current.previous is None:
        raise Refused(f"the rollback of {name}", [f"{cluster} has no version that was verified before it"])
    asked = Question(name, ROLLBACK_REQUEST, (Choice.ROLL_BACK,), "asked for by an operator", answer.at)
    waiting = [q for q in world.deployments.questions(name) if not q.answer and q.token]
    question = _answer(world, current, world.deployments.ask(asked), answer)
    for other in waiting:
        world.executions.answer_token(other.token, {"question": question.id})
    return question


def wake_expired(world: World, current: Deployment) -> list[str]:
    """Wake what waits for an approval that expired; the rollout then ends as rejected. Returns the questions' ids."""
    now = world.clock.now()
    late = [
        q
        for q in world.deployments.questions(current.id)
        if q.token and not q.answer and q.expires_at and now >= q.expires_at
    ]
    return [q.id for q in late if world.executions.answer_token(q.token, {"question": q.id})]


def wait_for(world: World, name: str, question_id: str, token: str) -> None:
    """Note which task waits for a question's answer; wake it at once when the answer is there. Raises Unknown."""
    asked = {q.id: q for q in world.deployments.questions(name)}
    if question_id not in asked:
        raise Unknown("question", question_id)
    standing = world.deployments.wait_with(asked[question_id], token)
    rollback = asked.get(ROLLBACK_REQUEST)
    if standing.answer or (rollback and rollback.answer):
        world.executions.answer_token(token, {"question": question_id})


def _open(world: World, current: Deployment, fits: Callable[[Question], bool], what: str) -> Question:
    """The question that is open; otherwise a refusal that says what became of it."""
    asked = [q for q in world.deployments.questions(current.id) if q.id != ROLLBACK_REQUEST and fits(q)]
    newest = max(asked, key=lambda q: q.asked_at, default=None)
    if current.state.final:
        raise Refused(what, [f"{current.id} has ended: {current.state}, {current.reason}"])
    if newest is None:
        raise Refused(what, [f"{current.id} asks for none; it is {current.state}"])
    if newest.answer:
        given = newest.answer
        raise Refused(
            what, [f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC: {given.why}"]
        )
    return newest


def _answer(world: World, current: Deployment, question: Question, answer: Answer) -> Question:
    if answer.choice not in question.choices:
        offered = ", ".join(question.choices)
        raise Refused(f"{answer.choice}", [f"{question.id} of {current.id} offers {offered}"])
    world.trail.append(
        TrailEntry(
            at=answer.at,
            cluster=str(current.cluster),
            what=f"answered {answer.choice}",
            who=answer.by,
            why=answer.why,
            deployment=current.id,
            host=question.host,
        )
    )
    answered = world.deployments.answer(question, answer)
    if answered.token:
        world.executions.answer_token(answered.token, {"question": question.id})
    return answered
