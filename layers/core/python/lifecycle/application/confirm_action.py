"""The confirmation of an action that has no plan: its effect here and now, or why it is refused.

Called by console_actions.py at the first press of a button; it changes nothing. The second press is judged again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lifecycle.application.console_action import ConsoleAction
from lifecycle.application.queries.clusters import view_cluster
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.hosts import remove_permission, view_cluster_hosts
from lifecycle.application.queries.pending_decisions import effect
from lifecycle.application.queries.permissions import rollback_facts
from lifecycle.application.queries.quarantine_words import quarantine_effects
from lifecycle.application.rollout.observe import deployment as recorded
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.rollout.actions import Action, ActionFacts, permission
from lifecycle.domain.rollout.decision import CONSEQUENCES, Choice, Question, latest_attempts
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.freezes import FREEZES, Freeze, scope_in_words

CONVERGES = "Compare desired with installed versions now, and start a repair of any drift."


@dataclass(frozen=True, slots=True)
class EffectConfirmation:
    """The question of a confirmation, what the action does, and the text of its button.

    `until`: the action may have an end, which the confirmation asks for.
    """

    asked: ConsoleAction
    question: str
    effect: str
    button: str
    until: bool = False


def confirm_action(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    """Return what an action would do; raises Refused, Unknown, InvalidName."""
    effects: Mapping[Action, Callable[[QueryContext, ConsoleAction], EffectConfirmation]] = {
        Action.APPROVE: _answer,
        Action.REJECT: _answer,
        Action.DECIDE: _answer,
        Action.PAUSE: _pause,
        Action.ROLL_BACK: _roll_back,
        Action.FREEZE: _freeze,
        Action.UNFREEZE: _unfreeze,
        Action.CANCEL: _cancel,
        Action.ABORT: _cancel_queued,
        Action.QUARANTINE: _quarantine,
        Action.UNQUARANTINE: _unquarantine,
        Action.CONVERGE: _converge,
        Action.REMOVE_HOST: _remove_host,
    }
    if (found := effects.get(asked.action)) is None:
        raise Refused("the preview", [f"{asked.action} has no confirmation of its own"])
    return found(query, asked)


def asked_question(query: QueryContext, current: Deployment, asked: ConsoleAction) -> Question:
    """Return the question that a button names; raises Refused if it was answered or has changed, and Unknown."""
    every = {each.id: each for each in query.context.deployments.questions(current.id)}
    question = every.get(asked.question)
    if question is None:
        raise Unknown("question", asked.question, "The page is out of date: refresh it.", of=current.id)
    what = f"the answer to {question.id}"
    facts = ActionFacts(query.context.clock.now(), current.cluster, deployment=current, question=question)
    if refusals := permission(asked.action, facts).refusals:
        raise Refused(what, refusals)
    if (asked.host, asked.attempt) != (question.host, question.attempt):
        about = f"{question.host or 'no host'}, attempt {question.attempt}"
        raise Refused(what, [f"it asks about {about}, not {asked.host or 'no host'}, attempt {asked.attempt}"])
    return question


def active_freeze(query: QueryContext, scope: str) -> Freeze | None:
    """Return the freeze of exactly this scope, if it is active."""
    now = query.context.clock.now()
    found = (each for each in query.context.freezes.all() if each.scope == scope)
    return next((each for each in found if each.is_active(now)), None)


def check_freeze(query: QueryContext, scope: str) -> None:
    """Raise Refused where somebody froze the scope already."""
    facts = ActionFacts(query.context.clock.now(), freeze=active_freeze(query, scope))
    if refusals := permission(Action.FREEZE, facts).refusals:
        raise Refused(f"the freeze of {scope_in_words(scope)}", refusals)


def _answer(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    choice = asked.choice or Choice(asked.action.upper())
    current = recorded(query.context, asked.cluster, asked.deployment)
    question = asked_question(query, current, asked)
    about = f" on {question.host}, attempt {question.attempt}," if question.host else ""
    return EffectConfirmation(
        asked, f"{choice}{about} of {current.id}?", f"{effect(question, choice)}.", choice.in_words
    )


def _pause(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    context = query.context
    current = recorded(context, asked.cluster, asked.deployment)
    facts = ActionFacts(
        context.clock.now(), asked.cluster, deployment=current, questions=context.deployments.questions(current.id)
    )
    if refusals := permission(Action.PAUSE, facts).refusals:
        raise Refused(f"the pause of {current.id}", refusals)
    does = f"{CONSEQUENCES[Choice.PAUSE]}. A host that is being updated is finished first."
    return EffectConfirmation(asked, f"Pause {current.id}?", does, "Pause")


def _roll_back(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    """Confirm the rollback of a running deployment; an ended one has a plan."""
    context = query.context
    current = recorded(context, asked.cluster, asked.deployment)
    facts = ActionFacts(context.clock.now(), asked.cluster, deployment=current)
    refusals = permission(Action.ROLL_BACK, facts).refusals
    if refusals or current.previous is None:
        raise Refused(f"the rollback of {current.id}", refusals)
    back = rollback_facts(context, current, current.previous)
    attempts = [each for each in context.deployments.attempts(current.id) if not each.release]
    hosts = sorted(latest_attempts(attempts))
    touched = f"{', '.join(hosts)} get {back.comes.in_words} back" if hosts else "no host was updated yet"
    return EffectConfirmation(
        asked, back.question, f"Before its next host: {touched}; {back.consequences}.", "Roll back"
    )


def _freeze(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    check_freeze(query, asked.scope)
    scope = scope_in_words(asked.scope)
    return EffectConfirmation(asked, f"Freeze {scope}?", FREEZES, f"Freeze {scope}", until=True)


def _unfreeze(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    scope, found = scope_in_words(asked.scope), active_freeze(query, asked.scope)
    if found is None:
        raise Unknown("freeze", of=asked.scope)
    return EffectConfirmation(
        asked, f"Lift the freeze of {scope}?", f"{found.by} made it: {found.why}", f"Unfreeze {scope}"
    )


def _cancel(_query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    does = "its build ends with all its processes, and no snapshot is made."
    return EffectConfirmation(asked, f"Cancel {asked.run}?", does, "Cancel")


def _cancel_queued(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    """Confirm the end of a deployment that is queued, and has changed nothing."""
    current = recorded(query.context, asked.cluster, asked.deployment)
    facts = ActionFacts(query.context.clock.now(), asked.cluster, deployment=current)
    if refusals := permission(Action.ABORT, facts).refusals:
        raise Refused(f"the cancellation of {current.id}", refusals)
    does = f"{current.target.in_words} no longer waits for {asked.cluster}; what runs there goes on."
    return EffectConfirmation(asked, f"Cancel {current.id}?", does, "Cancel")


def check_quarantine(query: QueryContext, asked: ConsoleAction) -> None:
    """Raise Refused for what is quarantined already."""
    if refusals := permission(Action.QUARANTINE, _quarantine_facts(query, asked)).refusals:
        raise Refused(f"the quarantine of {asked.subject}", refusals)


def _quarantine_facts(query: QueryContext, asked: ConsoleAction) -> ActionFacts:
    context, cluster = query.context, asked.cluster
    quarantined = {**context.fleet.quarantined(cluster), **context.fleet.quarantined_hosts(cluster)}
    return ActionFacts(context.clock.now(), cluster, subject=asked.subject, quarantined=quarantined)


def _quarantine(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    check_quarantine(query, asked)
    does = "; ".join(quarantine_effects(query, asked.cluster, asked.subject))
    return EffectConfirmation(asked, f"Quarantine {asked.subject} of {asked.cluster}?", f"{does}.", "Quarantine")


def _unquarantine(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    facts = _quarantine_facts(query, asked)
    if refusals := permission(Action.UNQUARANTINE, facts).refusals:
        raise Refused(f"lifting the quarantine of {asked.subject}", refusals)
    title = f"Lift the quarantine of {asked.subject} in {asked.cluster}?"
    return EffectConfirmation(asked, title, f"It is quarantined: {facts.quarantined[asked.subject]}", "Unquarantine")


def _converge(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    view = view_cluster(query.context, asked.cluster)
    facts = ActionFacts(query.context.clock.now(), asked.cluster, last=view.last, lease=view.lease)
    if refusals := permission(Action.CONVERGE, facts).refusals:
        raise Refused(f"the convergence of {asked.cluster}", refusals)
    return EffectConfirmation(asked, f"Converge {asked.cluster}?", CONVERGES, "Converge")


def _remove_host(query: QueryContext, asked: ConsoleAction) -> EffectConfirmation:
    view = view_cluster(query.context, asked.cluster)
    hosts = {each.report.host: each for each in view_cluster_hosts(query.context, view, ()).hosts}
    if (host := hosts.get(asked.subject)) is None:
        raise Unknown("host", asked.subject, of=str(asked.cluster), known=hosts)
    if refusals := remove_permission(query.context.clock.now(), host).refusals:
        raise Refused(f"the removal of {asked.subject}", refusals)
    does = "Its records go, and no deployment waits for it. A host that still runs comes back later."
    return EffectConfirmation(asked, f"Remove {asked.subject} from {asked.cluster}?", does, "Remove host")
