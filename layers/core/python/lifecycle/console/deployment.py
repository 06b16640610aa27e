"""The course of one deployment as a timeline: hosts in their order, each try with its stage, and the trail."""

from collections.abc import Sequence
from datetime import timedelta

from lifecycle.application.queries.deployment import Course, Courses
from lifecycle.console.components import badge, field, filters, log, press, select, soft, table, widget
from lifecycle.console.context import DEPLOYMENT, Frame
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import deployment_badge, doing, kind_of
from lifecycle.console.theme import Tone
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import CONSEQUENCES, Choice, Question, QuestionKind, latest_attempts
from lifecycle.domain.rollout.deployment import Deployment, Kind
from lifecycle.domain.time_format import lasting, minute, time_of_day

_WHY = "lc-why"
_BAR = 160
_LINES = 60


def draw_deployment(found: Courses, frame: Frame) -> Markup:
    """The deployment that is looked at, with the others to choose from."""
    bar = filters(frame, found.page, more=_choice(found))
    if found.course is None:
        return widget(frame, bar, tag("p", "Nothing was deployed here yet."))
    return widget(frame, bar, _course(found.course, frame))


def _choice(found: Courses) -> list[Markup]:
    """Which deployment to look at: the chosen one stays chosen when the widget is drawn again."""
    current = found.course.deployment if found.course else None
    if current is None or not (found.others or found.chosen):
        return []
    listed = (current, *found.others) if found.chosen else found.others
    told = [(each.id, f"{each.cluster} {each.target.version}, {each.state}") for each in listed]
    options = [("", "the one that runs, or the newest"), *told]
    return [select("Deployment", DEPLOYMENT, options, current.id if found.chosen else "")]


def _course(course: Course, frame: Frame) -> Markup:
    current = course.deployment
    return tag(
        "section",
        tag("h2", f"{current.cluster.service} {current.target.version} to {current.cluster.environment}"),
        tag("p", deployment_badge(current), " ", current.reason),
        tag("p", soft(_facts(current, frame))),
        _buttons(course, frame),
        _hosts(course, frame),
        _questions(course.questions),
        _trail(course.trail),
        class_="lc-card",
        aria_label=f"Deployment {current.id}",
    )


def _facts(current: Deployment, frame: Frame) -> str:
    request = current.request
    took = ((current.finished_at or frame.now) - current.started_at).total_seconds()
    lasted = f"took {lasting(took)}" if current.finished_at else f"for {lasting(max(0.0, took))} so far"
    why = f": {request.reason}" if request.reason else ""
    before = f"; before it: {current.previous.version}" if current.previous else "; nothing to go back to"
    begun = (
        f"{kind_of(current)} by {request.requested_by}, {minute(current.started_at)}, {lasted}{why}{before}"
    )
    overrides = f"; in spite of {', '.join(request.overrides)}" if request.overrides else ""
    return f"{current.id}; {begun}{overrides}"


def _buttons(course: Course, frame: Frame) -> Markup | None:
    """What may be said of the whole of it; what it asks is answered in the widget of questions."""
    current = course.deployment
    params = {
        "service": current.cluster.service,
        "environment": current.cluster.environment,
        "deployment": current.id,
    }
    buttons: list[Markup] = []
    paused = any(question.kind is QuestionKind.RESUME for question in course.asked)
    if course.leads and not current.state.final and not paused:
        told = f"Pause {current.id}: {CONSEQUENCES[Choice.PAUSE]}. A host under way is finished first."
        buttons.append(press(frame, "Pause", told, {"action": "pause", **params}, reason=_WHY))
    if told := _rollback(course):
        asked = {"action": "roll_back", **params}
        buttons.append(press(frame, "Roll back", told, asked, kind="lc-danger", reason=_WHY))
    if not buttons:
        return None
    return tag("form", field(_WHY, "Reason"), buttons, class_="lc-bar")


def _rollback(course: Course) -> str:
    """What a rollback would do; empty where there is none to offer."""
    current = course.deployment
    back = current.previous
    if back is None or current.request.kind is Kind.ROLLBACK:
        return ""
    if not current.state.final and course.leads:
        hosts = sorted(latest_attempts(course.attempts))
        touched = f"{', '.join(hosts)} get {back.version} back" if hosts else "no host was touched yet"
        return f"Roll {current.id} back before its next host: {touched}; {current.target.version} is quarantined."
    if course.stands:
        return (
            f"Roll {current.cluster} back from {current.target.version} to the version verified before it "
            f"({back.version}, unless it is quarantined), host by host; {current.target.version} is quarantined."
        )
    return ""


def _hosts(course: Course, frame: Frame) -> Markup:
    newest = latest_attempts(course.attempts)
    waiting = [host for host in course.deployment.hosts if host not in newest]
    began = course.began()
    ended = course.deployment.finished_at or max([frame.now, *(a.started_at for a in course.attempts)])
    span = max(ended - began, timedelta(seconds=1))
    rows = [
        _attempt(each, course, frame, span) for each in sorted(course.attempts, key=lambda a: a.started_at)
    ]
    idle = (Tone.IDLE, "not needed") if course.deployment.state.final else (Tone.IDLE, "waits")
    rows += [[host, "-", badge(*idle), "-", "-", "-"] for host in waiting]
    columns = ("host", "attempt", "state", "when", "took", "why")
    told = f"Hosts, in the order of their turns, over {lasting(span.total_seconds())}"
    return table(told, columns, rows)


def _attempt(each: HostAttempt, course: Course, frame: Frame, span: timedelta) -> list[Child]:
    tone, word = doing(each)
    ended = each.finished_at or (frame.now if not course.deployment.state.final else each.started_at)
    took = max(timedelta(), ended - each.started_at)
    left = (each.started_at - course.began()) / span * _BAR
    lasted = lasting(took.total_seconds())
    title = f"{each.host}, attempt {each.number}: {word}, from {time_of_day(each.started_at)} UTC, {lasted}"
    bar = tag(
        "svg",
        tag("title", title),
        tag("rect", x=0.0, y=6.0, width=float(_BAR), height=2.0, class_="lc-fill-idle"),
        tag("rect", x=left, y=2.0, width=max(3.0, took / span * _BAR), height=10.0, class_=f"lc-fill-{tone}"),
        viewBox=f"0 0 {_BAR + 4} 14",
        width=_BAR,
        height=14,
        role="img",
        aria_label=title,
    )
    why: list[Child] = [each.reason, tag("p", soft(each.diagnosis)) if each.diagnosis else None]
    if each.evidence:
        why.append(log(f"the end of the log on {each.host}", each.evidence))
    return [each.host, str(each.number), badge(tone, word), bar, lasted, why or "-"]


def _questions(questions: Sequence[Question]) -> Markup | None:
    rows: list[list[Child]] = []
    for each in sorted(questions, key=lambda q: q.asked_at):
        given = each.answer
        told = f"{given.choice} by {given.by}, {time_of_day(given.at)} UTC" if given else "no answer yet"
        why = given.why if given else ""
        rows.append([time_of_day(each.asked_at), each.host or "-", each.reason, told, why or "-"])
    if not rows:
        return None
    return table(
        "What it asked, and what it was told", ("asked (UTC)", "host", "question", "answer", "why"), rows
    )


def _trail(trail: Sequence[AuditEntry]) -> Markup | None:
    rows: list[list[Child]] = [
        [time_of_day(each.at), each.host or "-", each.what, each.who, each.why or "-"]
        for each in list(reversed(trail))[:_LINES]
    ]
    if not rows:
        return None
    told = (
        f"Trail, the newest {len(rows)} of {len(trail)} lines first"
        if len(trail) > _LINES
        else "Trail, the newest line first"
    )
    inner = table(told, ("time (UTC)", "host", "what", "by", "why"), rows)
    return tag("details", tag("summary", f"Trail: {len(trail)} lines"), inner)
