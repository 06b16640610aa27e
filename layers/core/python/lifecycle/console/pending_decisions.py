"""The widget of decisions and approvals: the evidence, the effect of each choice, and its button.

Drawn for functions/console/show_questions.
"""

from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.pending_decisions import (
    ADVISED,
    PendingDecisions,
    answered_words,
    assigned_words,
    effect,
    expiry,
    quarantine_notice,
)
from lifecycle.application.queries.state_words import BLAMES, Tone
from lifecycle.console.components import (
    action_button,
    badge,
    confirm_button,
    filters,
    log,
    soft,
    unreadable_rows,
    widget,
)
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.service_log import service_log_link
from lifecycle.console.status_styles import button_kind, deployment_badge, permission_badge, status_badge
from lifecycle.domain.rollout.actions import Action, ActionFacts, permission
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.time_format import ago, minute


def draw_pending_decisions(found: PendingDecisions, context: ViewContext) -> Markup:
    """Draw the pending decisions, those of production first, then the queued deployments."""
    parts: list[Child] = [filters(context, found.page)]
    for view in found.pending:
        serves = found.serving.get(view.cluster, "")
        parts += [_card(view, question, serves, context) for question in view.pending]
    parts += [_queued(view, context) for view in found.queued]
    parts += [_answered(current, question, context) for current, question in found.answered]
    if not found.pending and not found.unreadable:
        parts.insert(1, tag("p", badge(Tone.GOOD, "nothing waits for you")))
    parts.insert(1, unreadable_rows(found.unreadable))
    if found.more:
        parts.append(tag("p", f"{found.more} more are not shown: choose a service."))
    return widget(context, parts)


def _card(view: ClusterView, question: Question, serves: str, context: ViewContext) -> Child:
    current = view.running
    if current is None:
        return None
    cluster = current.cluster
    title = f"{cluster.service} {current.target.in_words} to {cluster.environment}: {question.kind.in_words}"
    about = f"{question.host}, attempt {question.attempt}: " if question.host else ""
    asked = f"Asked {minute(question.asked_at)}, {ago(question.asked_at, context.now)}."
    return tag(
        "section",
        tag("h2", title),
        tag("p", deployment_badge(current), " ", about, question.reason),
        tag("p", tag("strong", serves)) if serves else None,
        _blame(question),
        log(question.evidence_title, question.evidence) if question.evidence.strip() else None,
        service_log_link(cluster, question.host, context.itself),
        _taken(question, context),
        tag("p", soft(f"{asked} {_sentence(expiry(question, context.now))}")),
        _answers(current, question, context),
        class_="lc-card",
        aria_label=title,
    )


def _answers(current: Deployment, question: Question, context: ViewContext) -> Child:
    """Draw each answer beside its effect, the advised one first and ABORT apart; the confirmation asks for why."""
    by_another = _approved_elsewhere(current, question, context)
    facts = ActionFacts(context.now, current.cluster, deployment=current, question=question)
    may = permission(Action.DECIDE, facts)
    rows = []
    for choice in question.advised_first:
        offered = may.allowed and not (by_another and choice is Choice.APPROVE)
        button: Child = _button(current, question, choice, context) if offered else tag("strong", choice.in_words)
        mark: Child = [badge(Tone.GOOD, ADVISED), " "] if choice is question.advised else None
        apart = " lc-apart" if choice is Choice.ABORT else ""
        said = tag("span", mark, effect(question, choice))
        rows.append(tag("div", button, said, class_=f"lc-answer{apart}", role="listitem"))
    listed = tag("div", rows, role="list", aria_label="Answers")
    if not may.allowed:
        return [listed, tag("p", permission_badge(may), f" {may.why}")]
    return [listed, by_another, tag("p", _take(current, question, context))]


def _approved_elsewhere(current: Deployment, question: Question, context: ViewContext) -> Child:
    """Draw how to approve what another person must approve, where a button does not know who presses it."""
    if context.identified or question.kind is not QuestionKind.APPROVAL or not current.policy.approval_by_another:
        return None
    why = "another person must approve this, and CloudWatch does not say who presses a button: approve it with "
    command = tag("strong", f"lifecycle approve {current.id} --why '...'")
    return tag("p", badge(Tone.WARN, "by the command line"), f" {why[:1].upper()}{why[1:]}", command)


def _blame(question: Question) -> Child:
    if not question.blame:
        return None
    notice = quarantine_notice(question)
    after = f"; {notice}" if notice else ""
    return tag("p", status_badge(BLAMES[question.blame]), f" {question.diagnosis}{after}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _button(current: Deployment, question: Question, choice: Choice, context: ViewContext) -> Markup:
    """Draw the button of one choice, bound to its deployment, question, host and attempt.

    An old page therefore cannot answer a newer question.
    """
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
    return confirm_button(context, choice.in_words, params, kind=button_kind(choice))


def _taken(question: Question, context: ViewContext) -> Child:
    said = assigned_words(question, context.now)
    return tag("p", badge(Tone.BUSY, "taken"), " ", said) if said else None


def _take(current: Deployment, question: Question, context: ViewContext) -> Markup:
    """Draw the button by which a person says that they are on it; it answers nothing."""
    params = {
        "action": "assign",
        "service": current.cluster.service,
        "environment": current.cluster.environment,
        "deployment": current.id,
        "question": question.id,
    }
    effect = f"Say that you are on {question.id} of {current.id}: the question stays open, and others see your name."
    return action_button(context, "I am on it", effect, params)


def _answered(current: Deployment, question: Question, context: ViewContext) -> Markup:
    title = f"{current.cluster} {current.target.in_words}: {answered_words(question, context.now)}"
    return tag("p", badge(Tone.GOOD, "answered"), " ", title)


def _queued(view: ClusterView, context: ViewContext) -> Child:
    waiting = view.waiting
    if waiting is None:
        return None
    request = waiting.request
    why = f": {request.reason}" if request.reason else ""
    holder = view.lease.deployment or "nothing: it is about to begin"
    params = {"action": "abort", "deployment": request.deployment}
    params |= {"service": view.cluster.service, "environment": view.cluster.environment}
    return tag(
        "p",
        badge(Tone.IDLE, "queued"),
        f" {view.cluster} {request.version}, requested by {request.requested_by}{why}; ",
        soft(f"waits for {holder}, since {minute(waiting.since)}, {ago(waiting.since, context.now)} "),
        confirm_button(context, "Cancel", params, kind=button_kind(Action.CANCEL)),
    )
