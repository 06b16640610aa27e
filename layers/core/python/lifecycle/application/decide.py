"""Answers from humans: a decision on a failed host, an approval at a gate, a rollback of what runs.

Called by functions/decide and functions/approve. The record of the answer is the truth; waking the waiting
execution is a hint, because next_step reads the records.
"""

from collections.abc import Callable

from lifecycle.application import observe, queueing
from lifecycle.application.world import World
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import CONSEQUENCES, PAUSE, ROLLBACK_REQUEST, Answer, Choice, Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.service.policy import ApprovalGate


def decide(world: World, cluster: Cluster, name: str, host: str, attempt: int, answer: Answer) -> Question:
    """Answer the open question about exactly this host and attempt; raises Unknown, Refused (expired ones too).

    A host that is to be tried again is no longer quarantined: if it fails again, it will be.
    """
    current = observe.deployment(world, cluster, name)
    what = f"the decision on {host}, attempt {attempt}"
    question = _open(world, current, lambda q: (q.host, q.attempt) == (host, attempt), what)
    _refuse_late(world, question, answer)
    if answer.choice is Choice.RETRY and host in world.fleet.quarantined_hosts(cluster):
        why = f"to be tried again: {answer.why}"
        world.tell(cluster, f"lift the quarantine of {host}", answer.by, why, deployment=name, host=host)
        world.fleet.lift_quarantine(cluster, host)
    return _answer(world, current, question, answer)


def approve(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Approve or reject what the deployment waits for; raises Unknown, Refused (expired ones too)."""
    current = observe.deployment(world, cluster, name)
    question = _open(world, current, lambda q: q.gate is not ApprovalGate.NONE, "an approval")
    _refuse_late(world, question, answer)
    requester = current.request.requested_by
    if answer.choice is Choice.APPROVE and current.policy.approval_by_another and answer.by == requester:
        why = f"{requester} asked for {name}, and the policy of {cluster} wants somebody else to approve it"
        raise Refused("the approval", [why])
    return _answer(world, current, question, answer)


def request_rollback(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Roll back a deployment that runs, waits or is halted, before its next host; raises Unknown, Refused.

    Safe to repeat: whoever asked is answered as before, and what still waits is woken again.
    """
    current = observe.deployment(world, cluster, name)
    if current.state.final:
        raise Refused(
            f"the rollback of {name}", [f"it has ended: {current.state}; roll back its successor instead"]
        )
    if current.state is DeploymentState.QUEUED:
        raise Refused(f"the rollback of {name}", ["it waits, and nothing of it was begun: cancel it"])
    if current.request.kind is Kind.ROLLBACK:
        raise Refused(
            f"the rollback of {name}", ["it is a rollback itself; abort it, and deploy what you want"]
        )
    if current.previous is None:
        raise Refused(f"the rollback of {name}", [f"{cluster} has no version that was verified before it"])
    asked = Question(name, ROLLBACK_REQUEST, (Choice.ROLL_BACK,), "asked for by an operator", answer.at)
    standing = world.deployments.ask(asked)
    if standing.answer:
        wake_open(world, name)
        if standing.answer.by == answer.by:
            return standing
    question = _answer(world, current, standing, answer)
    wake_open(world, name)
    return question


def wake_open(world: World, name: str, host: str = "") -> None:
    """Wake what waits for an answer that is not needed any more: on this host, or at all."""
    for question in world.deployments.questions(name):
        if question.token and not question.answer and host in ("", question.host):
            world.executions.answer_token(question.token, {"question": question.id})


def pause(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Stop a deployment before its next host; raises Unknown, Refused when it is over or paused already."""
    current = observe.deployment(world, cluster, name)
    pauses = [q for q in world.deployments.questions(name) if q.pauses]
    if current.state.final or current.state is DeploymentState.QUEUED:
        raise Refused(f"the pause of {name}", [f"it is {current.state}: {current.reason}"])
    if standing := next((q for q in pauses if not q.answer), None):
        raise Refused(f"the pause of {name}", [standing.reason])
    told = f": {answer.why}" if answer.why else ""
    asked = Question(
        deployment=name,
        id=f"{PAUSE}{len(pauses)}",
        choices=(Choice.RESUME, Choice.ABORT),
        reason=f"paused by {answer.by} at {answer.at:%Y-%m-%d %H:%M:%S} UTC{told}",
        asked_at=answer.at,
        effects={c: CONSEQUENCES[c] for c in (Choice.RESUME, Choice.ABORT)},
    )
    world.tell(cluster, "pause", answer.by, answer.why, deployment=name)
    return world.deployments.ask(asked)


def resume(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """Let a paused deployment go on, or abort it; raises Unknown, Refused when it is not paused."""
    current = observe.deployment(world, cluster, name)
    question = _open(world, current, lambda q: q.pauses, "the end of a pause")
    answered = _answer(world, current, question, answer)
    if answer.choice is Choice.ABORT:
        wake_open(world, name)
    return answered


def cancel(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """End a deployment that waits in the queue; a paused one is aborted instead. Raises Unknown, Refused."""
    current = observe.deployment(world, cluster, name)
    if current.state is not DeploymentState.QUEUED:
        return resume(world, cluster, name, answer)
    why = f"cancelled by {answer.by}: {answer.why}"
    queueing.leave(world, current.request, DeploymentState.ABORTED, why)
    return Question(name, "queued", (Choice.ABORT,), current.reason, current.started_at, answer=answer)


def told(world: World, cluster: Cluster, name: str, answer: Answer) -> Question:
    """What an operator says of a whole deployment, unasked: pause, resume or abort it, or roll it back.

    Raises Unknown, Refused.
    """
    said = {
        Choice.PAUSE: pause,
        Choice.RESUME: resume,
        Choice.ABORT: cancel,
        Choice.ROLL_BACK: request_rollback,
    }
    if answer.choice not in said:
        raise Refused(f"{answer.choice}", [f"expected a host and an attempt, or one of {', '.join(said)}"])
    return said[answer.choice](world, cluster, name, answer)


def wake_late(world: World, current: Deployment) -> list[str]:
    """Wake what still waits although its answer is there, or its time is over; returns the questions' ids.

    The rollout then reads the answer, ends as rejected (an approval), or asks anew (a decision).
    """
    now = world.clock.now()
    # Only the newest few can be waited for: older ones were answered, or asked anew.
    newest = sorted(world.deployments.questions(current.id), key=lambda q: q.asked_at)[-3:]
    late = [q for q in newest if q.token and (q.answer or q.expired(now))]
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
    now = world.clock.now()
    asked = [q for q in world.deployments.questions(current.id) if q.id != ROLLBACK_REQUEST]
    open_ = [q for q in asked if not q.answer and not q.expired(now)]
    fitting = [q for q in open_ if fits(q)] or [q for q in asked if fits(q)]
    newest = max(fitting, key=lambda q: (q.again, q.asked_at), default=None)
    if current.state.final:
        raise Refused(what, [f"{current.id} has ended: {current.state}, {current.reason}"])
    told = "; ".join(f"it asks about {_subject(q)}" for q in open_) or "it asks for nothing else"
    if newest is None:
        why = f", {current.reason}" if current.reason else ""
        raise Refused(what, [f"{current.id} is {current.state}{why}", told])
    if newest.answer:
        given = newest.answer
        world.executions.answer_token(newest.token, {"question": newest.id})  # its wake-up may have been lost
        said = f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC: {given.why}"
        raise Refused(what, [said, told])
    return newest


def _subject(question: Question) -> str:
    if question.host:
        return f"{question.host}, attempt {question.attempt}"
    return "the end of a pause" if question.pauses else f"an approval {question.gate.replace('_', ' ')}"


def _refuse_late(world: World, question: Question, answer: Answer) -> None:
    """An answer whose time is over does nothing but wake the rollout, which then rejects, or asks anew."""
    if question.expires_at is None or answer.at < question.expires_at:
        return
    world.executions.answer_token(question.token, {"question": question.id})
    again = "look at it as it is now, and decide again" if question.host else "ask for the deployment again"
    raise Refused(
        "the answer", [f"{question.id} expired at {question.expires_at:%Y-%m-%d %H:%M:%S} UTC; {again}"]
    )


def _answer(world: World, current: Deployment, question: Question, answer: Answer) -> Question:
    if answer.choice not in question.choices:
        offered = ", ".join(question.choices)
        raise Refused(f"{answer.choice}", [f"{question.id} of {current.id} offers {offered}"])
    what = f"answered {answer.choice}"
    world.tell(current.cluster, what, answer.by, answer.why, deployment=current.id, host=question.host)
    answered = world.deployments.answer(question, answer)
    if answered.token:
        world.executions.answer_token(answered.token, {"question": question.id})
    return answered
