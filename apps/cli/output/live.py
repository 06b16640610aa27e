"""Screens of a watched deployment: a live table on a terminal, else a line for each event, else JSON.

follow.py gives them one poll after another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.cli.output.commit_view import show_note
from apps.cli.output.decision_view import choice_lines, question_facts, question_lines
from apps.cli.output.layout import Cell, rich_table
from apps.cli.output.printer import Printer
from apps.cli.output.text import clean, lasting, one_line, time_of_day
from apps.cli.ports import Connection
from apps.cli.watch.deployment_view import WatchedDeployment
from apps.cli.watch.follow import Screen
from lifecycle.application.queries.host_status import HostProgress
from lifecycle.application.queries.state_words import DEPLOYMENTS, PLANNING
from lifecycle.domain.listing import counted
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.decision import Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment

_COLUMNS = ("host", "state", "attempt", "took", "why")


def trail_line(entry: AuditEntry) -> str:
    """Return one event on one line: time, host, event, person, reason."""
    who = "" if entry.who == "lifecycle" else f" by {one_line(entry.who, 60)}"
    why = f": {one_line(entry.why, 160)}" if entry.why else ""
    return f"{time_of_day(entry.at)} UTC  {entry.host or '-'}  {entry.what}{who}{why}"


def trail_facts(entry: AuditEntry) -> dict[str, Any]:
    """Return one event for programs."""
    return {
        "event": "trail",
        "at": entry.at.isoformat(),
        "deployment": entry.deployment,
        "host": entry.host,
        "what": entry.what,
        "who": entry.who,
        "why": entry.why,
    }


class SilentScreen:
    """A screen that shows nothing, because the caller reports only the end."""

    def show(self, found: WatchedDeployment) -> None:
        del found


class News:
    """Changes that the trail does not record, each once: questions, and the deployment that is waited for."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def questions(self, found: WatchedDeployment) -> list[Question]:
        """Return new questions that do not end watching: approvals and pauses."""
        return [q for q in found.open if q.kind is not QuestionKind.DECISION and self._is_new("question", q.id)]

    def before(self, found: WatchedDeployment) -> Deployment | None:
        """Return the deployment that a queued one waits for, if it or its state is new."""
        before = found.before
        return before if before and self._is_new(before.id, f"{before.state} {before.reason}") else None

    def _is_new(self, kind: str, text: str) -> bool:
        new = (kind, text) not in self._known
        self._known.add((kind, text))
        return new


class JsonScreen:
    """A JSON object on a line for each event."""

    def __init__(self, printer: Printer, connection: Connection) -> None:
        self._printer = printer
        self._connection = connection
        self._news = News()

    def show(self, found: WatchedDeployment) -> None:
        for entry in found.news:
            self._printer.event(trail_facts(entry))
        if before := self._news.before(found):
            facts = {"waits_for": before.id, "state": str(before.state), "reason": before.reason}
            self._printer.event({"event": "queued", "deployment": found.name, **facts})
        for question in self._news.questions(found):
            facts = question_facts(question, self._connection.command)
            self._printer.event({"event": "question", **facts})


class LineScreen:
    """A plain line for each event."""

    def __init__(self, printer: Printer, connection: Connection) -> None:
        self._printer = printer
        self._connection = connection
        self._news = News()

    def show(self, found: WatchedDeployment) -> None:
        now = self._connection.context.clock.now()
        for entry in found.news:
            self._printer.line(trail_line(entry))
        if before := self._news.before(found):
            self._printer.line(f"{time_of_day(now)} UTC  -  {_waits_for(before)}")
            self._printer.line(f"  {self._connection.command(f'status {found.cluster.service}')}")
        for question in self._news.questions(found):
            if question.kind is QuestionKind.APPROVAL and found.deployment:
                show_note(self._printer, found.deployment.changes, "  ")
            for line in (*question_lines(question, now), *choice_lines(question, self._connection.command)):
                self._printer.line(line)


def _waits_for(before: Deployment) -> str:
    status, reason = DEPLOYMENTS[before.state], one_line(before.reason, 160)
    return f"waits for {before.id}: {before.target.in_words}, {status}: {reason}"


class LiveScreen:
    """A table of the hosts and a bar, redrawn in place; events scroll by above them."""

    def __init__(self, printer: Printer, connection: Connection, live: Any) -> None:
        self._lines = LineScreen(printer, connection)
        self._connection = connection
        self._live = live

    def show(self, found: WatchedDeployment) -> None:
        self._lines.show(found)
        self._live.update(live_table(found, self._live.console.width), refresh=True)


def headline(found: WatchedDeployment) -> str:
    """Return one line: version, cluster, state, and how many hosts are finished."""
    if found.deployment is None:
        return f"{found.name}: {PLANNING}"
    current, before = found.deployment, found.before
    status = DEPLOYMENTS[current.state]
    what = f"{current.cluster.service} {current.target.in_words} to {current.cluster.environment}"
    if before:
        return f"{what}: {status}, waits for {before.target.in_words}, {DEPLOYMENTS[before.state]}"
    return f"{what}: {status}, {_finished(found)} of {counted(len(found.hosts), 'host')}"


def _finished(found: WatchedDeployment) -> int:
    return sum(host.finished for host in found.hosts)


def live_table(found: WatchedDeployment, width: int) -> Any:
    """Return the headline, the bar and the table of the hosts, for Rich."""
    from rich.console import Group  # noqa: PLC0415
    from rich.padding import Padding  # noqa: PLC0415
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    parts: list[Any] = [Text(clean(headline(found)), "bold")]
    if found.hosts:
        bar = ProgressBar(total=len(found.hosts), completed=_finished(found), width=60)
        parts.append(Padding(bar, 0))  # a bar alone does not end its line
        parts.append(rich_table(_COLUMNS, [_cells(host) for host in found.hosts], width))
    return Group(*parts)


def _cells(host: HostProgress) -> list[Cell]:
    # A table taller than the terminal flickers; the whole reason scrolls by as an event.
    took, attempt = lasting(host.seconds) if host.attempt else "-", str(host.attempt or "-")
    return [host.host, host.status, attempt, took, one_line(host.reason, 60) or "-"]


@contextmanager
def screen_for(printer: Printer, connection: Connection) -> Iterator[Screen]:
    """Return the screen for JSON, for plain lines or for a terminal."""
    if printer.as_json:
        yield JsonScreen(printer, connection)
    elif not printer.terminal:
        yield LineScreen(printer, connection)
    else:
        from rich.live import Live  # noqa: PLC0415

        with Live(console=printer.console, auto_refresh=False) as live:
            yield LiveScreen(printer, connection, live)
