"""Where a watched deployment is shown: a live table on a terminal, a line an event elsewhere, JSON for programs.

Fed by follow.py, a look at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.cli.output.decision_view import answers, asked, question_facts
from apps.cli.output.printer import Page, rich_table
from apps.cli.output.text import clean, one_line, time_of_day
from apps.cli.ports import Connection
from apps.cli.states import COLUMNS, HostState, host_states
from apps.cli.watch.deployment_view import Sight
from apps.cli.watch.follow import Screen
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.decision import Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment


def trail_line(entry: AuditEntry) -> str:
    """One event on one line: when, where, what, by whom, why."""
    who = "" if entry.who == "lifecycle" else f" by {one_line(entry.who, 60)}"
    why = f": {one_line(entry.why, 160)}" if entry.why else ""
    return f"{time_of_day(entry.at)} UTC  {entry.host or '-'}  {entry.what}{who}{why}"


def trail_facts(entry: AuditEntry) -> dict[str, Any]:
    """One event for programs."""
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
    """Shows nothing: the caller tells the end."""

    def show(self, sight: Sight) -> None:
        del sight


class News:
    """What a watcher has not been told yet, of what is not in the trail: questions, and what is waited for."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def questions(self, sight: Sight) -> list[Question]:
        """Questions on which watching goes on: approvals, and pauses."""
        return [
            q for q in sight.open if q.kind is not QuestionKind.DECISION and self._is_new("question", q.id)
        ]

    def before(self, sight: Sight) -> Deployment | None:
        """The deployment that a queued one waits for, when it or its state is another than before."""
        found = sight.before
        return found if found and self._is_new(found.id, f"{found.state} {found.reason}") else None

    def _is_new(self, kind: str, text: str) -> bool:
        new = (kind, text) not in self._known
        self._known.add((kind, text))
        return new


class JsonScreen:
    """A JSON object a line and event."""

    def __init__(self, page: Page, here: Connection) -> None:
        self._page = page
        self._here = here
        self._news = News()

    def show(self, sight: Sight) -> None:
        for entry in sight.news:
            self._page.event(trail_facts(entry))
        if before := self._news.before(sight):
            facts = {"waits_for": before.id, "state": str(before.state), "reason": before.reason}
            self._page.event({"event": "queued", "deployment": sight.name, **facts})
        for question in self._news.questions(sight):
            facts = question_facts(question, self._here.command)
            self._page.event({"event": "question", **facts})


class LineScreen:
    """A plain line an event."""

    def __init__(self, page: Page, here: Connection) -> None:
        self._page = page
        self._here = here
        self._news = News()

    def show(self, sight: Sight) -> None:
        now = self._here.context.clock.now()
        for entry in sight.news:
            self._page.say(trail_line(entry))
        if before := self._news.before(sight):
            self._page.say(f"{time_of_day(now)} UTC  -  {_waits_for(before)}")
            self._page.say(f"  {self._here.command(f'status {sight.cluster.service}')}")
        for question in self._news.questions(sight):
            for line in (*asked(question, now), *answers(question, self._here.command)):
                self._page.say(line)


def _waits_for(before: Deployment) -> str:
    return f"waits for {before.id}: {before.target.version}, {before.state}: {one_line(before.reason, 160)}"


class LiveScreen:
    """The hosts' table and a bar, redrawn in place; events scroll by above it."""

    def __init__(self, page: Page, here: Connection, live: Any) -> None:
        self._lines = LineScreen(page, here)
        self._here = here
        self._live = live

    def show(self, sight: Sight) -> None:
        self._lines.show(sight)
        self._live.update(frame(sight, hosts_of(sight, self._here)), refresh=True)


def hosts_of(sight: Sight, here: Connection) -> list[HostState]:
    """The hosts of what is seen; none before it is planned."""
    if sight.deployment is None:
        return []
    now = here.context.clock.now()
    found = host_states(sight.deployment, sight.attempts, sight.questions, sight.digests, now)
    return [host for host in found if host.attempt or host.host not in sight.quarantined]


def headline(sight: Sight, hosts: list[HostState]) -> str:
    """What is deployed where, and how it stands."""
    if sight.deployment is None:
        return f"{sight.name}: planning"
    current = sight.deployment
    done = f"{sum(host.done for host in hosts)} of {len(hosts)} hosts"
    what = f"{current.cluster.service} {current.target.version} to {current.cluster.environment}"
    if sight.before:
        return f"{what}: QUEUED, waits for {sight.before.target.version}, {sight.before.state}"
    return f"{what}: {current.state}, {done}"


def frame(sight: Sight, hosts: list[HostState]) -> Any:
    """What the live screen draws: headline, bar and table."""
    from rich.console import Group  # noqa: PLC0415
    from rich.padding import Padding  # noqa: PLC0415
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    parts: list[Any] = [Text(clean(headline(sight, hosts)), "bold")]
    if hosts:
        bar = ProgressBar(total=len(hosts), completed=sum(host.done for host in hosts), width=60)
        parts.append(Padding(bar, 0))  # a bar alone does not end its line
        parts.append(rich_table(COLUMNS, [_short(host.cells()) for host in hosts]))
    return Group(*parts)


def _short(cells: list[str]) -> list[str]:
    # A table taller than the terminal flickers; the whole reason scrolls by as an event.
    return [one_line(cell, 60) for cell in cells]


@contextmanager
def screen_for(page: Page, here: Connection) -> Iterator[Screen]:
    """The screen that fits the page."""
    if page.as_json:
        yield JsonScreen(page, here)
    elif not page.terminal:
        yield LineScreen(page, here)
    else:
        from rich.live import Live  # noqa: PLC0415

        with Live(console=page.console, auto_refresh=False) as live:
            yield LiveScreen(page, here, live)
