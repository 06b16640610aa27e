"""Everything that waits for a human: the evidence, what each answer would do, and its button."""

from lifecycle.application.queries.clusters import ClusterSight
from lifecycle.application.queries.pending_decisions import AllWaiting
from lifecycle.console.components import badge, field, filters, log, press, soft, widget
from lifecycle.console.context import Frame
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import deployment_badge
from lifecycle.console.theme import Tone
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import CONSEQUENCES, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.time_format import ago, ahead, minute

_BLAMED = {
    Blame.HOST: (Tone.WARN, "the host is to blame"),
    Blame.VERSION: (Tone.BAD, "the version is to blame"),
    Blame.UNCLEAR: (Tone.WARN, "it is unclear what is to blame"),
}
# The choice that is safe and most often right comes first in its colour; what throws work away is red.
_KINDS = {
    Choice.APPROVE: "btn-primary",
    Choice.RESUME: "btn-primary",
    Choice.ROLL_BACK: "lc-danger",
    Choice.REJECT: "lc-danger",
    Choice.ABORT: "lc-danger",
}


def draw_questions(found: AllWaiting, frame: Frame) -> Markup:
    """The questions, those that wait longest first; then the deployments that wait for another."""
    parts: list[Child] = [filters(frame, found.page)]
    number = 0
    for sight in found.asking:
        for question in sight.asked:
            parts.append(_card(sight, question, f"lc-why-{number}", frame))
            number += 1
    parts += [_queued(sight, frame) for sight in found.queued]
    if not found.asking:
        parts.insert(1, tag("p", badge(Tone.GOOD, "nothing waits for you")))
    if found.more:
        parts.append(tag("p", f"{found.more} more are not shown: choose a service."))
    return widget(frame, parts)


def _card(sight: ClusterSight, question: Question, reason: str, frame: Frame) -> Child:
    current = sight.running
    if current is None:
        return None
    title = f"{current.cluster.service} {current.target.version} to {current.cluster.environment}: {question.kind.in_words}"
    choices = tag("dl", (_choice(question, each) for each in question.choices))
    buttons = [_button(current, question, each, reason, frame) for each in question.choices]
    return tag(
        "section",
        tag("h2", title),
        tag("p", deployment_badge(current), " ", _about(question), question.reason),
        _blame(question),
        log(question.evidence_title, question.evidence) if question.evidence.strip() else None,
        tag("p", soft(f"{_asked(question, frame)} {_expiry(question, frame)}")),
        choices,
        tag("form", field(reason, "Reason"), tag("div", buttons, class_="lc-row"), class_="lc-bar"),
        class_="lc-card",
        aria_label=title,
    )


def _about(question: Question) -> str:
    return f"{question.host}, attempt {question.attempt}: " if question.host else ""


def _blame(question: Question) -> Child:
    if not question.blame:
        return None
    tone, told = _BLAMED[question.blame]
    kept = f" {question.host} is quarantined until it is tried again." if question.blame is Blame.HOST else ""
    return tag("p", badge(tone, told), f" {question.diagnosis}{kept}")


def _asked(question: Question, frame: Frame) -> str:
    return f"Asked {minute(question.asked_at)}, {ago(question.asked_at, frame.now)}."


def _expiry(question: Question, frame: Frame) -> str:
    if question.expires_at is None:
        return ""
    then = "it is asked anew" if question.host else "it counts as rejected"
    return f"Expires {ahead(question.expires_at, frame.now)}: then {then}."


def _choice(question: Question, choice: Choice) -> list[Markup]:
    return [tag("dt", tag("strong", choice)), tag("dd", _effect(question, choice))]


def _effect(question: Question, choice: Choice) -> str:
    return question.effects.get(choice) or CONSEQUENCES[choice]


def _button(current: Deployment, question: Question, choice: Choice, reason: str, frame: Frame) -> Markup:
    """Bound to deployment, question, host and attempt, so that an old page cannot answer a newer question."""
    about = f" on {question.host}, attempt {question.attempt}," if question.host else ""
    told = f"{choice}{about} of {current.id}: {_effect(question, choice)}."
    params = {
        "action": "decide",
        "choice": str(choice),
        "service": current.cluster.service,
        "environment": current.cluster.environment,
        "deployment": current.id,
        "question": question.id,
        "host": question.host,
        "attempt": question.attempt,
    }
    if question.kind is QuestionKind.APPROVAL and choice in (Choice.APPROVE, Choice.REJECT):
        params["action"] = choice.lower()
    kind = _KINDS.get(choice, "")
    return press(frame, choice.replace("_", " ").capitalize(), told, params, kind=kind, reason=reason)


def _queued(sight: ClusterSight, frame: Frame) -> Child:
    waiting = sight.waiting
    if waiting is None:
        return None
    request = waiting.request
    why = f": {request.reason}" if request.reason else ""
    holder = sight.lease.deployment or "nobody: it is about to begin"
    return tag(
        "p",
        badge(Tone.IDLE, "queued"),
        f" {sight.cluster} {request.version}, asked for by {request.requested_by}{why}; ",
        soft(f"waits for {holder}, since {minute(waiting.since)}, {ago(waiting.since, frame.now)}"),
    )
