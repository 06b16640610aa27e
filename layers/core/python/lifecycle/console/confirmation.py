"""The confirmation of an action: its whole plan, or its effect, the reason, and the button that starts it.

Drawn for functions/console/act, at the first press of a button; it stands in place of the widget until a refresh.
"""

from dataclasses import asdict
from typing import Any

from lifecycle.application.confirm_action import EffectConfirmation
from lifecycle.application.console_action import ConsoleAction
from lifecycle.application.queries.confirmation import Confirmation
from lifecycle.application.queries.state_words import Tone
from lifecycle.console.components import action_button, badge, field, soft, table, widget
from lifecycle.console.context import UNTIL, ViewContext
from lifecycle.console.html import Child, Markup, action, tag
from lifecycle.console.status_styles import button_kind, permission_badge
from lifecycle.domain.rollout.actions import Action
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.time_format import lasting
from lifecycle.names import function

_WHY = "lc-why-plan"
_COMMITS = 10
_UNTIL = "Until (UTC, such as 2026-11-24 08:00, or 30m, 2h, 3d); empty: until it is lifted"
_NOT_SENT = ("by", "why", "preview", "drawn_from", "until")
# The widgets that have the buttons; the answers are in show_questions.
_VIEWS = {
    **dict.fromkeys((Action.DEPLOY, Action.FREEZE, Action.UNFREEZE, Action.CANCEL), "show_pipeline"),
    **dict.fromkeys((Action.ROLL_BACK, Action.PAUSE), "show_deployment"),
    **dict.fromkeys((Action.QUARANTINE, Action.UNQUARANTINE, Action.CONVERGE, Action.REMOVE_HOST), "show_clusters"),
}


def draw_confirmation(found: Confirmation | EffectConfirmation, context: ViewContext) -> Markup:
    """Draw what an action would do; its button is drawn only if it may begin."""
    inside = _effect(found, context) if isinstance(found, EffectConfirmation) else _plan(found, context)
    title = found.question if isinstance(found, EffectConfirmation) else _title(found)
    return widget(context, tag("section", tag("h2", title), inside, class_="lc-card", aria_label=title))


def _plan(found: Confirmation, context: ViewContext) -> Child:
    plan, why = found.plan, found.permission.why
    return [
        tag("p", permission_badge(found.permission), f" {why}") if why else None,
        [tag("p", badge(Tone.BAD, "blocked"), " ", each) for each in plan.blockers if len(plan.blockers) > 1],
        tag("p", found.rollback.consequences) if found.rollback else None,
        _hosts(plan),
        tag("dl", _facts(found)),
        _commits(plan),
        [tag("p", badge(Tone.WARN, "note"), " ", each) for each in plan.warnings],
        _form(found, context),
    ]


def _effect(found: EffectConfirmation, context: ViewContext) -> Child:
    asked = found.asked
    kept = {name: value for name, value in asdict(asked).items() if value and name not in _NOT_SENT}
    params = kept | ({"seen": asked.drawn_from} if asked.drawn_from else {})
    fields = [field(_WHY, "Reason", asked.why, required=asked.needs_reason)]
    if found.until:
        fields.append(field(UNTIL, _UNTIL))
    kind = button_kind(asked.choice or asked.action)
    start = action_button(context, found.button, "", params, kind=kind, reason=_WHY)
    return [
        tag("p", found.effect),
        tag("form", fields, start, class_="lc-bar"),
        _back(asked, context),
    ]


def _back(asked: ConsoleAction, context: ViewContext) -> Markup:
    """Draw the button that shows the pressed widget again, with what was chosen in it: its fields are gone."""
    view = _VIEWS.get(asked.action, "show_questions")
    if view == "show_clusters" and asked.deployment:
        view = "show_deployment"
    chosen: dict[str, Any] = {"service": context.scope.service}
    if view == "show_deployment":
        chosen = {"deployment": asked.deployment}
    back = tag("button", "Back", type="button", class_="btn")
    return tag("p", action(back, context.function(function(view)), {"pressed": True, **chosen}))


def _title(found: Confirmation) -> str:
    if found.rollback:
        return found.rollback.question
    now = f", which serves {found.serves.in_words} now" if found.serves else ", where nothing was verified yet"
    request = found.request
    return f"Deploy {request.service} {found.plan.target.in_words} to {request.environment}{now}?"


def _hosts(plan: Plan) -> Child:
    rows: list[list[Child]] = [
        [str(number), each.host, each.zone or "-", each.installed or "nothing", each.why]
        for number, each in enumerate(plan.hosts, start=1)
    ]
    if not rows:
        return tag("p", "No host would be updated.")
    return table("Hosts, in this order", ("#", "host", "zone", "installed", "why"), rows)


def _facts(found: Confirmation) -> list[Child]:
    plan = found.plan
    facts: list[tuple[str, Child]] = []
    if plan.in_place:
        facts.append(("already in place", ", ".join(plan.in_place)))
    if plan.release and plan.hosts:
        facts.append(("release command", f"{plan.release.command}, once, on {plan.hosts[0].host}, before any host"))
    if plan.hosts:
        facts.append(("checks", tag("ul", [tag("li", each) for each in plan.checks])))
        facts.append(("expected time", f"about {lasting(plan.expected_seconds)}, {plan.expected_from}"))
    if plan.rollback_words:
        facts.append(("rollback target", plan.rollback_words))
    if plan.config.in_words:
        facts.append(("configuration", plan.config.in_words))
    if plan.earlier:
        facts.append((plan.earlier.environment, plan.earlier.sentence))
    return [[tag("dt", tag("strong", name)), tag("dd", said)] for name, said in facts]


def _commits(plan: Plan) -> Child:
    if (changes := plan.changes) is None:
        return None
    link = tag("a", "compare", href=plan.compare) if plan.compare.startswith("https://") else None
    rows = [tag("li", f"{e.hash[:7]} {e.subject} ({e.author})") for e in changes.commits[:_COMMITS]]
    rest = (changes.count or len(changes.commits)) - len(rows)
    more = tag("p", soft(f"and {rest} more")) if rows and rest > 0 else None
    return [tag("p", changes.sentence, " ", link), tag("ul", rows) if rows else None, more]


def _form(found: Confirmation, context: ViewContext) -> Child:
    request, asked = found.request, found.asked
    back = _back(asked, context)
    if not found.permission.allowed:
        return back
    params = {"action": str(asked.action), "service": request.service, "environment": request.environment}
    params |= {"seen": found.drawn_from}
    params |= {"deployment": asked.deployment} if found.rollback else {"version": request.version}
    text = f"Roll back to {request.version}" if found.rollback else f"Deploy {request.version}"
    kind = button_kind(asked.action)
    start = action_button(context, text, "", params, kind=kind, reason=_WHY)
    return [tag("form", field(_WHY, "Reason", request.reason), start, class_="lc-bar"), back]
