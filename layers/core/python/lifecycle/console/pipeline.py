"""The pipeline from push to production, a lane a service; with the buttons that promote, deploy and freeze."""

from lifecycle.application.queries.clusters import ClusterSight
from lifecycle.application.queries.pipeline import Lane, Pipeline
from lifecycle.console.components import badge, field, filters, press, soft, widget
from lifecycle.console.context import Frame
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import cluster_state, run_badge
from lifecycle.console.theme import Tone
from lifecycle.domain.rollout.freezes import Freeze, named
from lifecycle.domain.time_format import ago, minute

_WHY = "lc-why"


def draw_pipeline(found: Pipeline, frame: Frame) -> Markup:
    """A lane for each service of the page, then what is frozen."""
    lanes: list[Child] = [_lane(lane, frame) for lane in found.lanes]
    if not lanes:
        told = "There is no cluster yet: deploy the stack of one, start an agent on each host, and push a service."
        lanes = [tag("p", told)]
    reason = tag("form", field(_WHY, "Reason, for what you press below"), class_="lc-bar")
    return widget(
        frame, filters(frame, found.page, environments=False), reason, lanes, _freezes(found, frame)
    )


def _lane(lane: Lane, frame: Frame) -> Markup:
    steps = (
        _step("Push", _push(lane, frame)),
        _step("Snapshot", _snapshot(lane, frame)),
        _step("Staging", _cluster(lane.staging, frame)),
        _step("Release", _release(lane, frame)),
        _step("Production", _cluster(lane.production, frame)),
    )
    row = tag(
        "div", steps, class_="lc-row", role="list", aria_label=f"{lane.service}, from push to production"
    )
    return tag("section", tag("h2", lane.service), row, class_="lc-card", aria_label=lane.service)


def _step(title: str, *inside: Child) -> Markup:
    return tag("div", tag("h3", title), inside, class_="lc-step", role="listitem")


def _push(lane: Lane, frame: Frame) -> Child:
    if lane.push is None:
        return soft("no run lately")
    return tag("p", run_badge(lane.push.status), " ", soft(ago(lane.push.started_at, frame.now)))


def _snapshot(lane: Lane, frame: Frame) -> Child:
    built = lane.built
    if built is None:
        return soft("nothing was built yet")
    facts = tag("p", built.version)
    beside = soft(f"{built.branch} {built.commit[:7]}".strip())
    inside: list[Child] = [facts, tag("p", beside)]
    if lane.staging and _could_take(lane.staging, built.version):
        inside.append(_deploy(lane.staging, built.version, frame))
    if not built.release:
        inside.append(_promote(lane.service, built.version, frame))
    return inside


def _release(lane: Lane, frame: Frame) -> Child:
    if not lane.release:
        return soft("nothing was promoted yet")
    inside: list[Child] = [tag("p", lane.release)]
    if lane.production and _could_take(lane.production, lane.release):
        inside.append(_deploy(lane.production, lane.release, frame))
    return inside


def _cluster(sight: ClusterSight | None, frame: Frame) -> Child:
    if sight is None:
        return soft("no cluster")
    inside: list[Child] = [
        tag("p", tag("strong", sight.verified.version if sight.verified else "nothing yet"))
    ]
    state, running = cluster_state(sight), sight.running or sight.unsettled
    if state:
        to = f" {running.target.version}" if running else ""
        inside.append(tag("p", state, to))
    inside += [tag("p", badge(Tone.WARN, f"waits for {question.kind.in_words}")) for question in sight.asked]
    if sight.waiting:
        told = f"{sight.waiting.request.version} waits, {ago(sight.waiting.since, frame.now)}"
        inside.append(tag("p", badge(Tone.IDLE, told)))
    return inside


def _could_take(sight: ClusterSight, version: str) -> bool:
    """Whether a button makes sense: it is neither there, nor on its way."""
    verified = sight.verified.version if sight.verified else ""
    running = sight.running.target.version if sight.running else ""
    waiting = sight.waiting.request.version if sight.waiting else ""
    return version not in (verified, running, waiting)


def _promote(service: str, snapshot: str, frame: Frame) -> Markup:
    told = (
        f"Promote {service} {snapshot}: the same bytes are copied to a release under the next version. "
        "Nothing is deployed by that."
    )
    params = {"action": "promote", "service": service, "version": snapshot}
    return press(frame, "Promote", told, params, reason=_WHY)


def _deploy(sight: ClusterSight, version: str, frame: Frame) -> Markup:
    cluster = sight.cluster
    runs = f"which runs {sight.verified.version} now" if sight.verified else "where nothing was verified yet"
    waits = (
        " It waits for the deployment that runs there, and takes the place of one that waits."
        if sight.running
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
        "seen": sight.state.token,
    }
    kind = "btn-primary" if cluster.environment == "production" else ""
    return press(frame, f"Deploy to {cluster.environment}", told, params, kind=kind, reason=_WHY)


def _freezes(found: Pipeline, frame: Frame) -> Markup:
    standing = {each.scope: each for each in found.freezes if each.stands(frame.now)}
    told = [tag("li", _standing(each), " ", _unfreeze(each, frame)) for each in standing.values()]
    scopes = ["*", "staging", "production"]
    if frame.wanted.service:
        clusters = (sight for lane in found.lanes for sight in (lane.staging, lane.production) if sight)
        scopes += [str(sight.cluster) for sight in clusters]
    buttons = [_freeze(scope, frame) for scope in scopes if scope not in standing]
    state = tag("ul", told) if told else tag("p", soft("Nothing is frozen."))
    row = tag("div", buttons, class_="lc-row")
    return tag("section", tag("h2", "Freezes"), state, row, class_="lc-card", aria_label="Freezes")


def _standing(each: Freeze) -> str:
    until = f"until {minute(each.until)}" if each.until else "until somebody lifts it"
    return f"{named(each.scope)}: frozen by {each.by} since {minute(each.at)}, {until}: {each.why}"


def _freeze(scope: str, frame: Frame) -> Markup:
    told = (
        f"Freeze {named(scope)} until somebody lifts it: no new version begins there. Rollbacks, repairs and what "
        "runs already go on."
    )
    return press(frame, f"Freeze {named(scope)}", told, {"action": "freeze", "scope": scope}, reason=_WHY)


def _unfreeze(each: Freeze, frame: Frame) -> Markup:
    told = f"Lift the freeze of {named(each.scope)}, which {each.by} made: {each.why}"
    params = {"action": "unfreeze", "scope": each.scope, "seen": each.at.isoformat()}
    return press(frame, "Lift", told, params, reason=_WHY)
