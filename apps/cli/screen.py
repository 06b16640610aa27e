"""Where a watched deployment is shown: a live table on a terminal, a line an event elsewhere, JSON for programs.

Fed by follow.py, a look at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.cli.follow import Screen, Sight
from apps.cli.page import Page, rich_table
from apps.cli.ports import Connection
from apps.cli.questions import answers, asked, question_facts
from apps.cli.states import COLUMNS, HostState, host_states
from apps.cli.words import clean, one_line, time_of_day
from lifecycle.domain.deployment import Question, TrailEntry


def trail_line(entry: TrailEntry) -> str:
    """One event on one line: when, where, what, by whom, why."""
    who = "" if entry.who == "lifecycle" else f" by {one_line(entry.who, 60)}"
    why = f": {one_line(entry.why, 160)}" if entry.why else ""
    return f"{time_of_day(entry.at)} UTC  {entry.host or '-'}  {entry.what}{who}{why}"


def trail_facts(entry: TrailEntry) -> dict[str, Any]:
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


class JsonScreen:
    """A JSON object a line and event."""

    def __init__(self, page: Page, here: Connection) -> None:
        self._page = page
        self._here = here
        self._asked: set[str] = set()

    def show(self, sight: Sight) -> None:
        for entry in sight.news:
            self._page.event(trail_facts(entry))
        if question := _new_approval(sight, self._asked):
            facts = question_facts(question, self._here.command)
            self._page.event({"event": "question", **facts})


class LineScreen:
    """A plain line an event."""

    def __init__(self, page: Page, here: Connection) -> None:
        self._page = page
        self._here = here
        self._asked: set[str] = set()

    def show(self, sight: Sight) -> None:
        for entry in sight.news:
            self._page.say(trail_line(entry))
        if question := _new_approval(sight, self._asked):
            for line in (*asked(question), *answers(question, self._here.command)):
                self._page.say(line)


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
    now = here.world.clock.now()
    return host_states(sight.deployment, sight.attempts, sight.questions, sight.digests, now)


def headline(sight: Sight, hosts: list[HostState]) -> str:
    """What is deployed where, and how it stands."""
    if sight.deployment is None:
        return f"{sight.name}: planning"
    current = sight.deployment
    done = f"{sum(host.done for host in hosts)} of {len(hosts)} hosts"
    what = f"{current.cluster.service} {current.target.version} to {current.cluster.environment}"
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


def _new_approval(sight: Sight, known: set[str]) -> Question | None:
    question = sight.question
    final = sight.deployment is None or sight.deployment.state.final
    if question is None or question.host or question.id in known or final:
        return None
    known.add(question.id)
    return question


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
