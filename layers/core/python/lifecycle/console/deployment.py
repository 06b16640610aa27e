"""The widget of one deployment: a timeline of its attempts, its decisions and its trail.

Drawn for functions/console/show_deployment.
"""

from collections.abc import Sequence
from datetime import timedelta

from lifecycle.application.queries.deployment import DeploymentsView, DeploymentView
from lifecycle.application.queries.hand_made_words import interruption_words
from lifecycle.application.queries.host_status import HostProgress, attempt_status
from lifecycle.application.queries.state_words import DEPLOYMENTS, KINDS, Tone
from lifecycle.console.components import (
    badge,
    confirm_button,
    filters,
    log,
    refused_button,
    rows_of,
    select,
    soft,
    unreadable_rows,
    widget,
)
from lifecycle.console.context import DEPLOYMENT, ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import button_kind, deployment_badge, permission_badge, status_badge
from lifecycle.domain.listing import counted
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.actions import Action
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.time_format import lasting, minute, moment, time_of_day

_BAR = 160
_LINES = 60


def draw_deployment(found: DeploymentsView, context: ViewContext) -> Markup:
    """Draw one deployment, with the others to choose from."""
    bar = filters(context, found.page, more=_choice(found))
    if found.shown is None:
        return widget(context, bar, tag("p", "Nothing was deployed here yet."))
    return widget(context, bar, _view(found.shown, context))


def _choice(found: DeploymentsView) -> list[Markup]:
    """Return the field that chooses a deployment; it keeps its choice at the next refresh."""
    current = found.shown.deployment if found.shown else None
    if current is None or not (found.others or found.chosen):
        return []
    listed = (current, *found.others) if found.chosen else found.others
    named = [(each.id, f"{each.cluster} {each.target.in_words}, {DEPLOYMENTS[each.state]}") for each in listed]
    options = [("", "the one that runs, or the newest"), *named]
    return [select("Deployment", DEPLOYMENT, options, current.id if found.chosen else "")]


def _view(view: DeploymentView, context: ViewContext) -> Markup:
    current = view.deployment
    return tag(
        "section",
        tag("h2", f"{current.cluster.service} {current.target.in_words} to {current.cluster.environment}"),
        tag("p", deployment_badge(current), " ", current.reason),
        tag("p", badge(Tone.BAD, interruption_words(current, view.interrupted))) if view.interrupted else None,
        tag("p", soft(_facts(current, context))),
        _changes(current),
        _release(current),
        unreadable_rows(view.unreadable),
        _buttons(view, context),
        _hosts(view, context),
        _questions(view.questions, context),
        _trail(view.audit_entries, context),
        class_="lc-card",
        aria_label=f"Deployment {current.id}",
    )


def _facts(current: Deployment, context: ViewContext) -> str:
    request = current.request
    took = ((current.finished_at or context.now) - current.started_at).total_seconds()
    lasted = f"took {lasting(took)}" if current.finished_at else f"for {lasting(max(0.0, took))} so far"
    why = f": {request.reason}" if request.reason else ""
    previous = current.previous.version if current.previous else "none"
    begun = (
        f"{KINDS[request.kind]} by {request.requested_by}, {minute(current.started_at)}, {lasted}{why}; "
        f"rollback target: {previous}"
    )
    begun += f"; stricter than its own policy: {found}" if (found := current.floor_words) else ""
    overrides = f"; overridden: {', '.join(request.overrides)}" if request.overrides else ""
    return f"{current.id}; {begun}{overrides}"


def _changes(current: Deployment) -> Markup | None:
    """Return the commits that it brings or takes back; the newest subjects, and a link to all."""
    found = current.changes
    if not found.sentence:
        return None
    link = tag("a", "compare", href=found.link) if found.link.startswith("https://") else None
    return tag("div", tag("p", found.sentence, " ", link), tag("ul", [tag("li", each) for each in found.subjects]))


def _release(current: Deployment) -> Markup | None:
    """Return the release command and how its newest run ended; None where there is no command."""
    if not current.release.command:
        return None
    how = current.release_words or "once, before any host is changed"
    return tag("p", f"Release command {current.release.command}: {how}")


def _buttons(view: DeploymentView, context: ViewContext) -> Markup:
    """Return the buttons for the whole deployment; its decisions have a widget of their own."""
    current = view.deployment
    params = {
        "service": current.cluster.service,
        "environment": current.cluster.environment,
        "deployment": current.id,
    }
    buttons: list[Child] = []
    if view.has_lease and view.may_pause.allowed:
        buttons.append(confirm_button(context, "Pause", {"action": "pause", **params}))
    buttons.append(_rollback(view, {"action": "roll_back", **params}, context))
    does = "quarantine" if view.may_quarantine.allowed else "unquarantine"
    version = {"action": does, "subject": current.target.version}
    buttons.append(confirm_button(context, f"{does.capitalize()} {current.target.version}", params | version))
    return tag("div", buttons, class_="lc-bar")


def _rollback(view: DeploymentView, params: dict[str, str], context: ViewContext) -> Child:
    """Draw the rollback; disabled, with the reason, on the deployment whose version the cluster should run."""
    if view.rollback is None:
        why: list[Child] = [permission_badge(view.may_roll_back), " ", soft(view.may_roll_back.why)]
        return refused_button("Roll back", why) if view.is_current else None
    return confirm_button(context, "Roll back", params, kind=button_kind(Action.ROLL_BACK))


def _hosts(view: DeploymentView, context: ViewContext) -> Markup:
    began = view.began_at
    ended = view.deployment.finished_at or max([context.now, *(a.started_at for a in view.attempts)])
    span = max(ended - began, timedelta(seconds=1))
    hosts = {each.host: each for each in view.hosts}
    rows = [
        _attempt(each, hosts[each.host], view, context, span)
        for each in sorted(view.attempts, key=lambda a: a.started_at)
    ]
    rows += [[each.host, "-", status_badge(each.status), "-", "-", "-"] for each in view.hosts if not each.attempt]
    columns = ("host", "attempt", "state", "when", "took", "why")
    return rows_of(
        context, f"Hosts, in the order of their turns, over {lasting(span.total_seconds())}", columns, rows
    )


def _attempt(
    each: HostAttempt, host: HostProgress, view: DeploymentView, context: ViewContext, span: timedelta
) -> list[Child]:
    status = host.status if each.number == host.attempt else attempt_status(each)
    ended = each.finished_at or (context.now if not view.deployment.state.final else each.started_at)
    took = max(timedelta(), ended - each.started_at)
    left = (each.started_at - view.began_at) / span * _BAR
    lasted = lasting(took.total_seconds())
    title = f"{each.host}, attempt {each.number}: {status}, from {time_of_day(each.started_at)} UTC, {lasted}"
    bar = tag(
        "svg",
        tag("title", title),
        tag("rect", x=0.0, y=6.0, width=float(_BAR), height=2.0, class_="lc-fill-idle"),
        tag("rect", x=left, y=2.0, width=max(3.0, took / span * _BAR), height=10.0, class_=f"lc-fill-{status.tone}"),
        viewBox=f"0 0 {_BAR + 4} 14",
        width=_BAR,
        height=14,
        role="img",
        aria_label=title,
    )
    why: list[Child] = [each.reason, tag("p", soft(each.diagnosis)) if each.diagnosis else None]
    if each.evidence:
        why.append(log(f"the end of the log on {each.host}", each.evidence))
    number = f"{each.number}, release command" if each.release else str(each.number)
    return [each.host, number, status_badge(status), bar, lasted, why or "-"]


def _questions(questions: Sequence[Question], context: ViewContext) -> Markup | None:
    rows: list[list[Child]] = []
    for each in sorted(questions, key=lambda q: q.asked_at)[::-1]:
        given = each.answer
        answer = f"{given.choice} by {given.by}, {moment(given.at)} UTC" if given else "no answer yet"
        why = given.why if given else ""
        rows.append([moment(each.asked_at), each.host or "-", each.reason, answer, why or "-"])
    if not rows:
        return None
    headings = ("asked (UTC)", "host", "question", "answer", "why")
    return rows_of(context, "Decisions and approvals, the newest first", headings, rows)


def _trail(trail: Sequence[AuditEntry], context: ViewContext) -> Markup | None:
    rows: list[list[Child]] = [
        [moment(each.at), each.host or "-", each.what, each.who, each.why or "-"]
        for each in list(reversed(trail))[:_LINES]
    ]
    if not rows:
        return None
    caption = (
        f"Trail, the newest {len(rows)} of {len(trail)} lines first"
        if len(trail) > _LINES
        else "Trail, the newest line first"
    )
    inner = rows_of(context, caption, ("time (UTC)", "host", "what", "by", "why"), rows)
    return tag("details", tag("summary", f"Trail: {counted(len(trail), 'line')}"), inner)
