"""`lifecycle logs`: what a service wrote on its hosts, read from CloudWatch Logs."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, connected
from apps.cli.options import Environment, InEnvironment
from apps.cli.output.printer import Printer
from apps.cli.output.screen import unread
from apps.cli.output.text import clean, moment
from apps.cli.ports import Connection
from lifecycle.application.ports.service_logs import LogLine
from lifecycle.domain.errors import CallFailed, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.names import log_stream

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = timedelta(days=365)
# CloudWatch shows a line some seconds after it was sent, and later than one that another host sent after it.
_LATE = timedelta(seconds=30)
_MOST_FAILURES = 20


def _duration(text: str) -> timedelta:
    """Return the duration that `90s`, `10m`, `2h` or `1d` names."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", text.strip(), re.ASCII)
    if not found or timedelta(seconds=int(found[1]) * _UNITS[found[2]]) > _LONGEST:
        raise typer.BadParameter(
            f"{text!r} is no duration; give a number and s, m, h or d, such as 90s, 10m, 2h or 1d"
        )
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


Host = Annotated[str, typer.Option("--host", help="Only this host.")]
Since = Annotated[
    Any,
    typer.Option("--since", parser=_duration, metavar="DURATION", help="How far back, such as 90s, 10m, 2h or 1d."),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")]
Grep = Annotated[str, typer.Option("--grep", metavar="TEXT", help="Only lines that contain this text.")]


@connected("logs hello", "logs hello -e staging --host host-2 --since 1h --grep error", "logs hello --follow")
def logs(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    environment: InEnvironment = Environment.PRODUCTION,
    host: Host = "",
    since: Since = "10m",
    follow: Follow = False,  # noqa: FBT002 (an option)
    grep: Grep = "",
) -> int:
    """Show what a service wrote on its hosts: standard output and standard error, oldest line first."""
    cluster = resolve.existing_cluster(connection, service, environment)
    begin = connection.context.clock.now() - since
    lines = _Lines(connection, cluster, host, grep)
    try:
        started = connection.context.clock.now()
        _show_past(printer, lines, begin)
        if follow:
            _follow(printer, connection, lines, max(begin, started - _LATE))
    except KeyboardInterrupt:
        if not follow:
            raise
    return 0


def _show_past(printer: Printer, lines: "_Lines", begin: datetime) -> None:
    """Show the lines since `begin`; say that there are none, unless the host is unknown."""
    any_line = False
    for line in lines.since(begin):
        any_line = True
        _show(printer, line)
    if not any_line:
        lines.check_host()
        printer.line(f"{lines.none} since {moment(begin)} UTC; name an earlier time with --since, such as 1d")


class _Lines:
    """The lines of a cluster that were not shown yet. It remembers those of the last seconds only."""

    def __init__(self, connection: Connection, cluster: Cluster, host: str, grep: str) -> None:
        self._connection, self._cluster, self._host, self._grep = connection, cluster, host, grep
        self._shown: dict[str, datetime] = {}

    @property
    def none(self) -> str:
        of = f" of {self._host}" if self._host else ""
        return f"no lines{of}" + (f" with {self._grep!r}" if self._grep else "")

    def check_host(self) -> None:
        """Raise Unknown for a host that no agent of the cluster reported."""
        known = sorted(self._connection.context.fleet.reports(self._cluster)) if self._host else []
        if self._host and self._host not in known:
            raise Unknown("host", self._host, of=str(self._cluster), known=known)

    def since(self, begin: datetime, remembered: datetime | None = None) -> Iterator[LogLine]:
        """Yield the lines since `begin` that were not shown; the later ones are remembered as shown."""
        oldest = remembered or self._connection.context.clock.now() - 2 * _LATE
        self._shown = {each: at for each, at in self._shown.items() if at >= begin}
        for line in self._connection.logs.read(self._cluster, self._host, begin):
            if line.id in self._shown:
                continue
            if line.at >= oldest:
                self._shown[line.id] = line.at
            if self._grep in line.text:
                yield line


def _follow(printer: Printer, connection: Connection, lines: _Lines, begin: datetime) -> None:
    """Show new lines since `begin` until Ctrl-C, or until nobody reads them.

    A call that fails is repeated for a while. Each call reads from shortly before the last one that succeeded,
    however long ago that was.
    """
    clock, failures = connection.context.clock, 0
    while not unread():
        clock.sleep(max(connection.poll_seconds, 1.0))
        now = clock.now()
        try:
            for line in lines.since(begin, remembered=begin):
                _show(printer, line)
            begin, failures = max(begin, now - _LATE), 0
        except CallFailed as error:
            failures += 1
            if not error.temporary or failures >= _MOST_FAILURES:
                raise


def _show(printer: Printer, line: LogLine) -> None:
    text = clean(line.text).replace("\n", " ")
    process = {"process": line.process} if line.process else {}
    printer.event({"at": line.at.isoformat(), "host": line.host, **process, "text": text})
    printer.line(f"{line.at:%Y-%m-%d %H:%M:%S}  {clean(log_stream(line.host, line.process))}  {text}")
