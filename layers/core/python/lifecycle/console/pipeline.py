"""The pipeline from push to production, a lane a service; with the buttons that promote, deploy and freeze."""

from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.pipeline import Lane, PipelineView
from lifecycle.console.components import action_button, badge, field, filters, soft, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import cluster_state, run_badge
from lifecycle.console.theme import Tone
from lifecycle.domain.rollout.decision import asks
from lifecycle.domain.rollout.freezes import Freeze, named
from lifecycle.domain.time_format import ago, minute

_WHY = "lc-why"


def draw_pipeline(found: PipelineView, context: ViewContext) -> Markup:
    """A lane for each service of the page, then what is frozen."""
    lanes: list[Child] = [_lane(lane, context) for lane in found.lanes]
    if not lanes:
        told = "There is no cluster yet: deploy the stack of one, start an agent on each host, and push a service."
        lanes = [tag("p", told)]
    reason = tag("form", field(_WHY, "Reason, for what you press below"), class_="lc-bar")
    return widget(
        context, filters(context, found.page, environments=False), reason, lanes, _freezes(found, context)
    )


def _lane(lane: Lane, context: ViewContext) -> Markup:
    steps = (
        _step("Push", _push(lane, context)),
        _step("Snapshot", _snapshot(lane, context)),
        _step("Staging", _cluster(lane.staging, context)),
        _step("Release", _release(lane, context)),
        _step("Production", _cluster(lane.production, context)),
    )
    row = tag(
        "div", steps, class_="lc-row", role="list", aria_label=f"{lane.service}, from push to production"
    )
    return tag("section", tag("h2", lane.service), row, class_="lc-card", aria_label=lane.service)


def _step(title: str, *inside: Child) -> Markup:
    return tag("div", tag("h3", title), inside, class_="lc-step", role="listitem")


def _push(lane: Lane, context: ViewContext) -> Child:
    if lane.push is None:
        return soft("no run lately")
    return tag("p", run_badge(lane.push.status), " ", soft(ago(lane.push.started_at, context.now)))


def _snapshot(lane: Lane, context: ViewContext) -> Child:
    built = lane.built
    if built is None:
        return soft("nothing was built yet")
    facts = tag("p", built.version)
    beside = soft(f"{built.branch} {built.commit[:7]}".strip())
    inside: list[Child] = [facts, tag("p", beside)]
    if lane.staging and _could_take(lane.staging, built.version):
        inside.append(_deploy(lane.staging, built.version, context))
    if not built.release:
        inside.append(_promote(lane.service, built.version, context))
    return inside


def _release(lane: Lane, context: ViewContext) -> Child:
    if not lane.release:
        return soft("nothing was promoted yet")
    inside: list[Child] = [tag("p", lane.release)]
    if lane.production and _could_take(lane.production, lane.release):
        inside.append(_deploy(lane.production, lane.release, context))
    return inside


def _cluster(view: ClusterView | None, context: ViewContext) -> Child:
    if view is None:
        return soft("no cluster")
    inside: list[Child] = [tag("p", tag("strong", view.verified.version if view.verified else "nothing yet"))]
    state, running = cluster_state(view), view.running or view.unsettled
    if state:
        to = f" {running.target.version}" if running else ""
        inside.append(tag("p", state, to))
    inside += [tag("p", badge(Tone.WARN, f"waits for {asks(question)}")) for question in view.pending]
    if view.waiting:
        told = f"{view.waiting.request.version} waits, {ago(view.waiting.since, context.now)}"
        inside.append(tag("p", badge(Tone.IDLE, told)))
    return inside


def _could_take(view: ClusterView, version: str) -> bool:
    """Whether a button makes sense: it is neither there, nor on its way."""
    verified = view.verified.version if view.verified else ""
    running = view.running.target.version if view.running else ""
    waiting = view.waiting.request.version if view.waiting else ""
    return version not in (verified, running, waiting)


def _promote(service: str, snapshot: str, context: ViewContext) -> Markup:
    told = (
        f"Promote {service} {snapshot}: the same bytes are copied to a release under the next version. "
        "Nothing is deployed by that."
    )
    params = {"action": "promote", "service": service, "version": snapshot}
    return action_button(context, "Promote", told, params, reason=_WHY)


def _deploy(view: ClusterView, version: str, context: ViewContext) -> Markup:
    cluster = view.cluster
    runs = f"which runs {view.verified.version} now" if view.verified else "where nothing was verified yet"
    waits = (
        " It waits for the deployment that runs there, and takes the place of one that waits."
        if view.running
        else ""
    )
    told = (
        f"Deploy {cluster.service} {version} to {cluster.environment}, {runs}: host by host; the first failure "
        f"stops it and asks you.{waits}"
    )
    params = {
        "action": "deploy",
        "service": cluster.service,
        "environment": cluster.environment,
        "version": version,
        "seen": view.standing,
    }
    kind = "btn-primary" if cluster.environment == "production" else ""
    return action_button(context, f"Deploy to {cluster.environment}", told, params, kind=kind, reason=_WHY)


def _freezes(found: PipelineView, context: ViewContext) -> Markup:
    standing = {each.scope: each for each in found.freezes if each.stands(context.now)}
    told = [tag("li", _standing(each), " ", _unfreeze(each, context)) for each in standing.values()]
    scopes = ["*", "staging", "production"]
    if context.scope.service:
        clusters = (view for lane in found.lanes for view in (lane.staging, lane.production) if view)
        scopes += [str(view.cluster) for view in clusters]
    buttons = [_freeze(scope, context) for scope in scopes if scope not in standing]
    state = tag("ul", told) if told else tag("p", soft("Nothing is frozen."))
    row = tag("div", buttons, class_="lc-row")
    return tag("section", tag("h2", "Freezes"), state, row, class_="lc-card", aria_label="Freezes")


def _standing(each: Freeze) -> str:
    until = f"until {minute(each.until)}" if each.until else "until somebody lifts it"
    return f"{named(each.scope)}: frozen by {each.by} since {minute(each.at)}, {until}: {each.why}"


def _freeze(scope: str, context: ViewContext) -> Markup:
    told = (
        f"Freeze {named(scope)} until somebody lifts it: no new version begins there. Rollbacks, repairs and what "
        "runs already go on."
    )
    return action_button(
        context, f"Freeze {named(scope)}", told, {"action": "freeze", "scope": scope}, reason=_WHY
    )


def _unfreeze(each: Freeze, context: ViewContext) -> Markup:
    told = f"Lift the freeze of {named(each.scope)}, which {each.by} made: {each.why}"
    params = {"action": "unfreeze", "scope": each.scope, "seen": each.at.isoformat()}
    return action_button(context, "Lift", told, params, reason=_WHY)
