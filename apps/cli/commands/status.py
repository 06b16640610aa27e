"""`lifecycle status`: versions, deployments, decisions and freezes of every cluster."""

from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import MaybeService, Redraw, connected
from apps.cli.freeze_scope import unfreeze_command
from apps.cli.options import environment_flag
from apps.cli.output.cluster_view import (
    ClusterStatus,
    cluster_facts,
    cluster_statuses,
    desired_quarantined_words,
)
from apps.cli.output.commit_view import show_note
from apps.cli.output.decision_view import choice_lines, next_commands, question_lines
from apps.cli.output.layout import Cell as TableCell
from apps.cli.output.link_view import show_links
from apps.cli.output.printer import Printer
from apps.cli.output.run_view import failed_runs, run_facts, show_failed_runs
from apps.cli.output.text import ago, ahead, moment, one_line, when
from apps.cli.output.unreadable import show_unreadable
from apps.cli.ports import Connection
from apps.cli.watch.redraw import redraw
from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.hand_made_words import interruption_words, strays_words
from lifecycle.application.queries.matrix import FACTS, HEADINGS, Cell
from lifecycle.application.queries.pending_decisions import answered_words
from lifecycle.application.queries.state_words import DEPLOYMENTS
from lifecycle.application.readable import Rows, readable
from lifecycle.domain.delivery.delivery_name import delivers
from lifecycle.domain.delivery.refused_push import last_day, refusals_in_words
from lifecycle.domain.rollout.decision import SHOWN_AFTER_ANSWER, QuestionKind, just_answered
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import OnAlarm
from lifecycle.names import logs_command

Full = Annotated[
    bool,
    typer.Option(
        "--full", help="Read every cluster's hosts, load balancer and registered version too, however many."
    ),
]


@connected("status", "status hello", "status --watch", "status --json")
def status(
    printer: Printer, connection: Connection, service: MaybeService = "", *, full: Full = False, watch: Redraw = False
) -> int:
    """Show every cluster: desired and installed versions, its deployment, and pending decisions.

    Of more than four clusters, each is a row: its version and state, since when, by whom, and the commits behind.
    """
    if watch:
        return redraw(printer, connection, lambda picture: _show(picture, connection, service, full=full))
    return _show(printer, connection, service, full=full)


def _show(printer: Printer, connection: Connection, service: str, *, full: bool) -> int:
    clusters, freezes = resolve.known_clusters(connection, service), connection.context.freezes.all()
    found = cluster_statuses(connection, clusters, freezes, in_full=full)
    every = [run for run in connection.runs.deliveries(running=False) if not service or delivers(run.name, service)]
    runs, failed = [run for run in every if run.running], failed_runs(every)
    now, rows = connection.context.clock.now(), Rows()
    pushes = rows.read(connection.catalogue.refused_pushes, ())
    printer.facts(
        {
            "clusters": [cluster_facts(each, connection) for each in found],
            "runs": run_facts(runs),
            "failed_runs": run_facts(failed),
            "refused_pushes": [
                {"at": each.at.isoformat(), "repository": each.repository, "status": each.status, "why": each.why}
                for each in last_day(pushes, now)
            ],
        }
    )
    if not found:
        printer.line("there is no cluster yet")
    if all(each.in_full for each in found):
        printer.table(("cluster", "desired", "running", "healthy", "deployment"), [_row(each) for each in found])
    else:
        columns = ("cluster", *(HEADINGS.get(fact, fact) for fact in FACTS))
        cells = [each.cell for each in found if each.cell]
        printer.table(columns, [_matrix_row(each, now) for each in cells], ("by", "since"))
        what = "of so many clusters only the deployments are read: no hosts, schedules or changes by hand"
        printer.line(f"\n{what}; add --full, or name a service", "dim")
    show_unreadable(printer, [*(row for each in found for row in each.unreadable), *rows.all()])
    if refused := refusals_in_words(pushes, now):
        printer.line(f"\n{one_line(refused, 1000)}", "bold yellow")
    _show_frozen(printer, connection, found)
    for each in found:
        _show_cluster(printer, connection, each)
    show_failed_runs(printer, connection, failed)
    for run in runs:
        printer.line(f"\nbuilding: {run.name}, since {when(run.started_at, now)}")
        printer.line(f"  {connection.command(f'watch --run {run.name}')}")
    return 0


def _row(found: ClusterStatus) -> list[TableCell]:
    runs = ", ".join(f"{version} on {count}" for version, count in sorted(found.targets.items()))
    return [
        str(found.view.cluster),
        found.desired.target.in_words if found.desired else "-",
        runs or "no hosts",
        _answering(found),
        found.view.status or "-",
    ]


def _matrix_row(cell: Cell, now: datetime) -> list[TableCell]:
    """Return the facts of the console's matrix."""
    since = ago(cell.since, now) if cell.since else "-"
    return [str(cell.cluster), cell.version, cell.state, since, one_line(cell.by, 30), cell.behind_words]


def _answering(found: ClusterStatus) -> str:
    """Return how many hosts answer the load balancer, and how many targets of no host do."""
    strange = f", and {found.answering_strays} of no host" if found.answering_strays else ""
    return f"{found.healthy} of {len(found.hosts)}{strange}"


def _show_frozen(printer: Printer, connection: Connection, found: list[ClusterStatus]) -> None:
    """Show each reason once, however many clusters it freezes."""
    reasons = {why: scope for each in found for why, scope in each.frozen.items()}
    if reasons:
        printer.line("")
    for why, scope in reasons.items():
        printer.line(why, "bold yellow")
        if scope:
            printer.line(f"  {connection.command(unfreeze_command(scope))}")


def _show_newer_config(printer: Printer, connection: Connection, found: ClusterStatus) -> None:
    if not found.desired or found.newest_config <= found.desired.config:
        return
    cluster, where = found.view.cluster, environment_flag(found.view.cluster)
    printer.line(f"\nconfig {found.newest_config} of {cluster} is not deployed yet", "yellow")
    printer.line(f"  {connection.command(f'config diff {cluster.service}{where}')}")
    printer.line(f"  {connection.command(f'deploy {cluster.service} --config{where}')}")


def _show_cluster(printer: Printer, connection: Connection, found: ClusterStatus) -> None:
    """Show what needs attention, and the commands for it."""
    view = found.view
    _show_newer_config(printer, connection, found)
    if ended := view.last_not_done:
        status = DEPLOYMENTS[ended.state]
        printer.line(f"\n{ended.id}: {ended.target.in_words}, {status}: {one_line(ended.reason, 2000)}", "bold")
        for line in next_commands(ended, connection.command)[1:]:  # the first is this command
            printer.line(f"  {line}")
    _show_refused(printer, connection, view)
    _show_quarantined(printer, connection, found)
    _show_hand_made(printer, connection, found)
    _show_schedules(printer, connection, found)
    for host, words in found.ended.items():
        printer.line(f"\n{host} of {view.cluster}: {one_line(words, 400)}", "bold red")
        shown = logs_command(view.cluster.environment, view.cluster.service, host)
        printer.line(f"  {connection.command(shown)}")
    if found.trouble:
        printer.line(f"\n{view.cluster}: the load balancer could not be read: {found.trouble}", "yellow")
    if (until := found.watched(connection)) and view.last:
        does = "rolls it back" if view.last.policy.on_alarm is OnAlarm.ROLL_BACK else "notifies you"
        printer.line(f"\n{view.last.id} is watched until {moment(until)} UTC: an alarm {does}")
    if view.lease.deployment:
        printer.line("")
        _show_deployment(printer, connection, view, in_full=found.in_full)
    if view.waiting:
        request, queued = view.waiting.request, DEPLOYMENTS[DeploymentState.QUEUED]
        since = when(view.waiting.since, connection.context.clock.now())
        line = f"\n{request.deployment}: {request.version}, {queued}, since {since}"
        why = f": {one_line(request.reason, 400)}" if request.reason else ""
        printer.line(f"{line}, requested by {request.requested_by}{why}", "bold")
        printer.line(f"  {connection.command(f'watch {request.deployment}')}")
    _show_answered(printer, connection, view)
    in_question = {question.host for question in view.pending}
    for host, why in found.quarantined.items():
        if host in in_question:
            continue
        printer.line(f"\n{host} of {view.cluster} is quarantined: {one_line(why, 1000)}", "bold")
        printer.line(f"  {connection.command(f'hosts {view.cluster.service}')}")


def _show_quarantined(printer: Printer, connection: Connection, found: ClusterStatus) -> None:
    """Show that the desired version is quarantined, and the way out."""
    if not found.desired_quarantined:
        return
    cluster = found.view.cluster
    printer.line(f"\n{desired_quarantined_words(found)}", "bold red")
    rollback = f"rollback {cluster.service}{environment_flag(cluster)} --why '...'"
    printer.line(f"  {connection.command(rollback)}")


def _show_refused(printer: Printer, connection: Connection, view: ClusterView) -> None:
    """Show the newest request, if it never began."""
    if (refused := view.refused) is None:
        return
    said = f"{refused.id}: {refused.target.version} was refused: {one_line(refused.reason, 2000)}"
    printer.line(f"\n{said}", "bold red")
    where = environment_flag(view.cluster)
    printer.line(f"  {connection.command(f'plan {view.cluster.service} {refused.target.version}{where}')}")


def _show_answered(printer: Printer, connection: Connection, view: ClusterView) -> None:
    """Show for an hour who answered a question, and when."""
    now, deployments = connection.context.clock.now(), connection.context.deployments
    late = [each for each in view.recent if (each.finished_at or now) > now - SHOWN_AFTER_ANSWER and each.epoch]
    for each in late:
        found, _ = readable(partial(deployments.questions, each.id), ())
        for question in just_answered(found, now):
            printer.line(f"\n{each.id}: {one_line(answered_words(question, now), 400)}")


def _show_schedules(printer: Printer, connection: Connection, found: ClusterStatus) -> None:
    cluster = found.view.cluster
    for each in found.schedules:
        line = f"\nschedule {each.name} of {cluster}: {one_line(each.in_words, 400)}"
        printer.line(line, "bold red" if each.failed else "")
        if each.failed and each.run:
            shown = logs_command(cluster.environment, cluster.service, each.run.host)
            printer.line(f"  {connection.command(shown)}")


def _show_hand_made(printer: Printer, connection: Connection, found: ClusterStatus) -> None:
    """Show what somebody changed beside Lifecycle."""
    cluster = found.view.cluster
    if found.nobodys:
        printer.line(f"\n{cluster}: {found.nobodys.reason}", "bold red")
        for what, version in found.nobodys.remedies:
            command = f"deploy {cluster.service} {version} --environment {cluster.environment}"
            printer.line(f"  to {what}: {connection.command(command)}")
    if found.strays.targets:
        printer.line(f"\n{cluster}: {strays_words(found.strays)}", "bold red")
    for host in found.hosts:
        if host.clock_problem:
            printer.line(f"\n{host.report.host} of {cluster}: {host.clock_problem}: set it", "yellow")


def _show_deployment(printer: Printer, connection: Connection, view: ClusterView, *, in_full: bool) -> None:
    current, lease, now = view.running, view.lease, connection.context.clock.now()
    if current is None:
        printer.line(f"{view.cluster}: {lease.deployment} is being planned", "bold")
    else:
        status, since = view.status or DEPLOYMENTS[current.state], when(current.started_at, now)
        line = f"{current.id}: {current.target.in_words}, {status}, since {since}"
        printer.line(f"{line}, requested by {current.request.requested_by}", "bold")
    if current and current.floor_words:
        printer.line(f"  stricter than its own policy: {current.floor_words}")
    if current and view.interrupted:
        printer.line(f"  {interruption_words(current, view.interrupted)}", "bold red")
        printer.line(f"  {connection.command(f'converge {view.cluster.service}')}")
    until = f"; the lease expires {ahead(lease.expires_at, now)} unless renewed" if lease.expires_at else ""
    printer.line(f"  has the lease since {when(lease.since, now)}{until}")
    if current and not view.pending:
        printer.line(f"  {one_line(current.reason, 400)}" if current.reason else "  is starting")
    if current and any(question.kind is QuestionKind.APPROVAL for question in view.pending):
        show_note(printer, current.changes, "  ")
    for question in view.pending:
        for line in (*question_lines(question, now), *choice_lines(question, connection.command)):
            printer.line(line)
    if not view.pending:
        printer.line(f"  {connection.command(f'watch {lease.deployment}')}")
    if current:
        show_links(printer, connection, current, commit=in_full)
