"""The widget of the pipeline: a lane for each service, with the buttons that cancel, promote, deploy and freeze.

Drawn for functions/console/show_pipeline.
"""

from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.pipeline import Lane, PipelineView
from lifecycle.application.queries.state_words import Tone, delivery_status
from lifecycle.console.components import (
    action_button,
    badge,
    confirm_button,
    filters,
    refused_button,
    select,
    soft,
    unreadable_rows,
    widget,
)
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import (
    button_kind,
    cluster_state,
    deployment_badge,
    permission_badge,
    status_badge,
)
from lifecycle.domain.rollout.actions import Action, Permission, Ruling
from lifecycle.domain.rollout.freezes import Freeze, UnreadableFreeze, scope_in_words
from lifecycle.domain.time_format import ago, minute


def draw_pipeline(found: PipelineView, context: ViewContext) -> Markup:
    """Draw a lane for each service of the page, then the freezes."""
    lanes: list[Child] = [_lane(lane, context) for lane in found.lanes]
    if not lanes:
        start = "deploy the stack of one, start an agent on each host, and push a service"
        lanes = [tag("p", f"There is no cluster yet: {start}.")]
    rows = unreadable_rows(found.unreadable)
    bar = filters(context, found.page, environments=False)
    refused = tag("p", badge(Tone.WARN, "refused pushes"), " ", found.refused) if found.refused else None
    return widget(context, bar, rows, refused, lanes, _freezes(found, context))


def _lane(lane: Lane, context: ViewContext) -> Markup:
    steps = (
        _step("Push", _push(lane, context)),
        _step("Snapshot", _snapshot(lane, context)),
        _step("Staging", _cluster(lane.staging, lane, context)),
        _step("Release", _release(lane, context)),
        _step("Production", _cluster(lane.production, lane, context)),
    )
    row = tag("div", steps, class_="lc-row", role="list", aria_label=f"{lane.service}, from push to production")
    return tag("section", tag("h2", lane.service), row, class_="lc-card", aria_label=lane.service)


def _step(title: str, *inside: Child) -> Markup:
    return tag("div", tag("h3", title), inside, class_="lc-step", role="listitem")


def _push(lane: Lane, context: ViewContext) -> Child:
    if lane.push is None:
        return soft("no delivery yet")
    run, status = lane.push.name, delivery_status(lane.push.status)
    inside: list[Child] = [tag("p", status_badge(status), " ", soft(ago(lane.push.started_at, context.now)))]
    if status.tone is Tone.BUSY:
        inside.append(_cancel(run, context))
    if status.tone is not Tone.GOOD:
        inside.append(tag("p", soft("its log: "), tag("pre", f"lifecycle build --log {run}")))
    return inside


def _snapshot(lane: Lane, context: ViewContext) -> Child:
    built = lane.built
    if built is None:
        return soft("nothing was built yet")
    facts = tag("p", built.version)
    beside = soft(f"{built.branch} {built.commit[:7]}".strip())
    inside: list[Child] = [facts, tag("p", beside)]
    if built.not_of_head:
        inside.append(tag("p", soft(f"not of the head: {built.not_of_head}, and has no snapshot")))
    if lane.staging:
        inside.append(_deploy(lane.staging, built.version, lane.may_stage, context))
    if lane.may_promote and lane.may_promote.allowed:
        inside.append(_promote(lane.service, built.version, context))
    return inside


def _release(lane: Lane, context: ViewContext) -> Child:
    if not lane.release:
        return soft("nothing was promoted yet")
    inside: list[Child] = [tag("p", lane.release)]
    if lane.production:
        inside.append(_deploy(lane.production, lane.release, lane.may_release, context))
        inside.append(_older(lane, lane.production, context))
    return inside


def _older(lane: Lane, view: ClusterView, context: ViewContext) -> Child:
    """Draw the choice of an older release; its plan says whether it may be deployed, and that it goes backwards."""
    if not lane.older or (lane.may_release and lane.may_release.ruling is Ruling.FROZEN):
        return None
    name = f"lc-version-{lane.service}"
    params = {"action": "deploy", "service": lane.service, "environment": view.cluster.environment}
    chosen = select("Release", name, [(each, each) for each in lane.older], lane.older[0])
    button = confirm_button(context, "Deploy the older release", params | {"version_field": name})
    return tag("details", tag("summary", "An older release"), tag("form", chosen, button, class_="lc-bar"))


def _cluster(view: ClusterView | None, lane: Lane, context: ViewContext) -> Child:
    if view is None:
        return soft("no cluster")
    inside: list[Child] = [tag("p", tag("strong", view.verified.in_words if view.verified else "nothing yet"))]
    if state := cluster_state(view):
        inside.append(tag("p", state))
    if why := lane.quarantined.get(view.cluster):
        said = f" {why}; it is desired all the same, and drift is not repaired"
        inside.append(tag("p", badge(Tone.BAD, "quarantined"), soft(said)))
    if refused := view.refused:
        said = f" {refused.target.version}, {ago(refused.started_at, context.now)}: {refused.reason}"
        inside.append(tag("p", deployment_badge(refused), soft(said)))
    inside += [tag("p", badge(Tone.WARN, f"waits for {question.kind.in_words}")) for question in view.pending]
    if view.waiting:
        queued = f"{view.waiting.request.version} is queued, {ago(view.waiting.since, context.now)}"
        inside.append(tag("p", badge(Tone.IDLE, queued)))
    return inside


def _cancel(run: str, context: ViewContext) -> Markup:
    return confirm_button(context, "Cancel", {"action": "cancel", "run": run}, kind=button_kind(Action.CANCEL))


def _promote(service: str, snapshot: str, context: ViewContext) -> Markup:
    effect = (
        f"Promote {service} {snapshot}: the same bytes become a release under the next version. This deploys nothing."
    )
    params = {"action": "promote", "service": service, "version": snapshot}
    return action_button(context, "Promote", effect, params)


def _deploy(view: ClusterView, version: str, may: Permission | None, context: ViewContext) -> Child:
    """Draw the button that shows the plan of a deployment; disabled, with the reason, where the rule refuses it."""
    if may is None or may.ruling is Ruling.NEEDLESS:
        return None
    cluster = view.cluster
    text = f"Deploy to {cluster.environment}"
    why: list[Child] = [permission_badge(may), " ", soft(may.why)]
    if not may.allowed:
        return refused_button(text, why)
    params = {"action": "deploy", "service": cluster.service, "environment": cluster.environment, "version": version}
    kind = button_kind(Action.DEPLOY) if cluster.environment == "production" else ""
    button = confirm_button(context, text, params, kind=kind)
    return [button, tag("p", why) if may.why else None]


def _freezes(found: PipelineView, context: ViewContext) -> Markup:
    frozen = {each.scope: each for each in found.freezes if each.is_active(context.now)}
    listed = [tag("li", _sentence(each), " ", _unfreeze(each, context)) for each in frozen.values()]
    scopes = ["*", "staging", "production"]
    if context.scope.service:
        clusters = (view for lane in found.lanes for view in (lane.staging, lane.production) if view)
        scopes += [str(view.cluster) for view in clusters]
    buttons = [_freeze(scope, context) for scope in scopes if scope not in frozen]
    state = tag("ul", listed) if listed else tag("p", soft("Nothing is frozen."))
    row = tag("div", buttons, class_="lc-row")
    return tag("section", tag("h2", "Freezes"), state, row, class_="lc-card", aria_label="Freezes")


def _sentence(each: Freeze) -> str:
    if isinstance(each, UnreadableFreeze):
        return f"{scope_in_words(each.scope)}: frozen, {each.why}"
    until = f"until {minute(each.until)}" if each.until else "until somebody lifts it"
    return f"{scope_in_words(each.scope)}: frozen by {each.by} since {minute(each.at)}, {until}: {each.why}"


def _freeze(scope: str, context: ViewContext) -> Markup:
    return confirm_button(context, f"Freeze {scope_in_words(scope)}", {"action": "freeze", "scope": scope})


def _unfreeze(each: Freeze, context: ViewContext) -> Markup:
    params = {"action": "unfreeze", "scope": each.scope, "seen": each.at.isoformat()}
    return confirm_button(context, "Unfreeze", params)
