"""The confirmation of an action that has no plan: its effect here and now, or why it is refused.

Called by console_actions.py at the first press of a button; it changes nothing. The second press is judged again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lifecycle.application.console_action import ConsoleAction
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.pending_decisions import effect
from lifecycle.application.queries.permissions import rollback_facts
from lifecycle.application.rollout.observe import deployment as recorded
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.rollout.actions import Action, ActionFacts, permission
from lifecycle.domain.rollout.decision import CONSEQUENCES, Choice, Question, latest_attempts
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.freezes import FREEZES, Freeze, scope_in_words


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
