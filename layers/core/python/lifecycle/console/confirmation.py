"""The confirmation of a deployment or a rollback: the whole plan, and the button that starts it if it may begin.

Drawn for functions/console/act, at the first press of a button; it stands in place of the widget until a refresh.
"""

from lifecycle.application.queries.confirmation import Confirmation
from lifecycle.application.queries.state_words import Tone
from lifecycle.console.components import action_button, badge, field, soft, table, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, action, tag
from lifecycle.console.status_styles import permission_badge
from lifecycle.domain.rollout.actions import Action
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.time_format import lasting
from lifecycle.names import function

_WHY = "lc-why-plan"
_COMMITS = 10
_VIEWS = {Action.DEPLOY: "show_pipeline", Action.ROLL_BACK: "show_deployment"}


def draw_confirmation(found: Confirmation, context: ViewContext) -> Markup:
    """Draw the plan; its button is drawn only if the plan may begin."""
    plan = found.plan
    title = _title(found)
    return widget(
        context,
        tag(
            "section",
            tag("h2", title),
            tag("p", permission_badge(found.permission), f" {found.permission.why}")
            if found.permission.why
            else None,
            [tag("p", badge(Tone.BAD, "blocked"), " ", why) for why in plan.blockers if len(plan.blockers) > 1],
            tag("p", found.rollback.consequences) if found.rollback else None,
            _hosts(plan),
            tag("dl", _facts(found)),
            _commits(plan),
            [tag("p", badge(Tone.WARN, "note"), " ", each) for each in plan.warnings],
            _form(found, context),
            class_="lc-card",
            aria_label=title,
        ),
    )


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


def _form(found: Confirmation, context: ViewContext) -> Markup:
    request = found.request
    params = {"action": str(found.action), "service": request.service, "environment": request.environment}
    params |= {"seen": found.drawn_from}
    params |= {"deployment": found.deployment} if found.rollback else {"version": request.version}
    text = f"Roll back to {request.version}" if found.rollback else f"Deploy {request.version}"
    kind = "lc-danger" if found.rollback else "btn-primary"
    back = tag("button", "Back", type="button", class_="btn")
    # The fields of the widget are gone: its button has what was chosen in them.
    chosen = {"deployment": found.deployment} if found.rollback else {"service": context.scope.service}
    shown = action(back, context.function(function(_VIEWS[found.action])), {"pressed": True, **chosen})
    if not found.permission.allowed:
        return tag("form", shown, class_="lc-bar")
    reason = field(_WHY, "Reason", found.request.reason)
    start = action_button(context, text, "", params, kind=kind, reason=_WHY)
    return tag("form", reason, start, shown, class_="lc-bar")
