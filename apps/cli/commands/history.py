"""`lifecycle history`: the deployments of a service, or its trail: who did what, when and why."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, connected
from apps.cli.output.cluster_view import deployment_facts
from apps.cli.output.commit_view import show_note
from apps.cli.output.layout import Cell
from apps.cli.output.live import trail_facts
from apps.cli.output.printer import Printer
from apps.cli.output.run_view import failed, run_facts, show_failed_runs
from apps.cli.output.text import ago, indented, lasting, moment, one_line
from apps.cli.output.unreadable import show_unreadable
from apps.cli.ports import Connection
from lifecycle.application.queries.state_words import DEPLOYMENTS, KINDS
from lifecycle.application.readable import Rows
from lifecycle.domain.delivery.delivery_name import delivers
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind, newest_first
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState

_AFTER_TIME = len("2026-11-23 01:46:30  ")


@connected("history hello", "history hello --trail --limit 50")
def history(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of entries, newest first.")] = 20,
    *,
    trail: Annotated[bool, typer.Option("--trail", help="Every recorded event, not only deployments.")] = False,
) -> int:
    """List a service's deployments, newest first, or its audit log."""
    clusters = resolve.known_clusters(connection, service)
    if trail:
        return _trail(printer, connection, clusters, limit)
    rows, deployments = Rows(), connection.context.deployments
    every = [each for cluster in clusters for each in rows.read(partial(deployments.recent, cluster, limit), ())]
    newest = sorted(every, key=lambda each: (each.started_at, each.id), reverse=True)[:limit]
    pushes = [run for run in connection.runs.deliveries(running=False) if delivers(run.name, service) and failed(run)]
    facts = {"deployments": [deployment_facts(each) for each in newest], "unreadable": list(rows.all())}
    facts |= {"failed_runs": run_facts(pushes[:limit])}
    printer.facts({"service": service, **facts})
    show_deployments(printer, newest, connection.context.clock.now())
    for each in newest[:1]:
        printer.line(f"last: {each.id}: {one_line(each.reason or each.state, 400)}")
        show_note(printer, each.changes)
    for each in newest:
        if each.release_words:
            printer.line(f"release command of {each.id}: {one_line(each.release_words)}")
    for each in newest[1:]:
        if each.state is DeploymentState.REFUSED:
            printer.line(f"refused: {each.id}: {one_line(each.reason, 400)}")
    show_failed_runs(printer, connection, pushes[:limit])
    show_unreadable(printer, rows.all())
    if not newest and not rows.all():
        printer.line(f"{service} was never deployed")
    return 0


def show_deployments(printer: Printer, newest: Sequence[Deployment], now: datetime) -> None:
    """Print a line for each deployment, and under it who wanted it, why, and what it brought."""
    columns = ("began (utc)", "deployment", "kind", "version", "state")
    rows: list[Sequence[Cell]] = [
        [moment(d.started_at), d.id, KINDS[d.request.kind], d.target.in_words, DEPLOYMENTS[d.state]] for d in newest
    ]
    printer.listing(columns, rows, [_note(each, now) for each in newest], ("kind", "began (utc)"))


def _note(each: Deployment, now: datetime) -> str:
    request, ended = each.request, each.finished_at
    took = f", took {lasting((ended - each.started_at).total_seconds())}" if ended else ""
    why = f": {one_line(request.reason, 200)}" if request.reason else ""
    changes = f"; {one_line(each.changes.sentence, 100)}" if each.changes.sentence else ""
    return f"{ago(each.started_at, now)}{took}, by {one_line(request.requested_by, 40)}{why}{changes}"


def _trail(printer: Printer, connection: Connection, clusters: list[Cluster], limit: int) -> int:
    rows, log = Rows(), connection.context.audit_log
    every = [entry for cluster in clusters for entry in rows.read(partial(log.read, cluster, limit=limit), ())]
    newest = newest_first(every)[:limit]
    trail = [{**trail_facts(entry), "cluster": entry.cluster} for entry in newest]
    printer.facts({"trail": trail, "unreadable": list(rows.all())})
    printer.line(f"newest first, times in UTC; now {moment(connection.context.clock.now())}", "dim")
    for entry in newest:
        printer.entry(_line(entry), _AFTER_TIME)
        for line in _log(entry):
            printer.line(line, "dim")
    show_unreadable(printer, rows.all())
    return 0


def _log(entry: AuditEntry) -> list[str]:
    """Return the lines of a log that a reason ends with, indented."""
    return indented(entry.why.partition("\n")[2]) if entry.kind is AuditKind.RUN_FAILED else []


def _line(entry: AuditEntry) -> str:
    """Return one event on one line: time, deployment or cluster, host, event, person, reason."""
    who = "" if entry.who == "lifecycle" else f" by {one_line(entry.who, 60)}"
    said = entry.why.partition("\n")[0] if _log(entry) else entry.why
    why = f": {one_line(said, 1000)}" if said else ""
    where = f"{entry.deployment or entry.cluster}  {entry.host}".rstrip()
    return f"{moment(entry.at)}  {where}  {entry.what}{who}{why}"
