"""`lifecycle cancel`: end a queued deployment before it begins, or the run of a push with its build."""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import answer_payload, call_function
from apps.cli.command import Yes, connected
from apps.cli.options import Environment, InEnvironment, Why, environment_flag
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.rollout.decision import Choice


@connected(
    "cancel hello --why 'no longer wanted'",
    "cancel hello -e staging --why 'a newer version follows'",
    "cancel --run hello --why 'the wrong branch'",
)
def cancel(
    printer: Printer,
    connection: Connection,
    why: Why,
    what: Annotated[
        str, typer.Argument(metavar="SERVICE|RUN", help="The service of the queued deployment, or a run's name.")
    ] = "",
    run: Annotated[
        str, typer.Option("--run", metavar="NAME", help="The run of a push: its name, repository or commit.")
    ] = "",
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    yes: Yes = False,
) -> int:
    """Cancel a cluster's queued deployment, or the run of a push with its build; a running deployment goes on."""
    if bool(what) == bool(run):
        raise typer.BadParameter("expected a SERVICE, a RUN, or --run NAME; give one of them")
    if run or resolve.is_run(what):
        name = resolve.run_named(connection, run or what).name
        if not yes and not printer.confirm_end(f"End the run {name} and its build?"):
            printer.line("not cancelled")
            return 1
        call_function(printer, connection, "cancel_run", {"run": name, "by": connection.by, "why": why})
        return 0
    return _cancel_queued(printer, connection, Cluster(environment.value, service_name(what)), why, yes=yes)


def _cancel_queued(printer: Printer, connection: Connection, cluster: Cluster, why: str, *, yes: bool) -> int:
    waiting = connection.context.queue.waiting(cluster)
    if waiting is None:
        resolve.existing_cluster(connection, cluster.service, Environment(cluster.environment))
        pause = connection.command(f"pause {cluster.service}{environment_flag(cluster)} --why '...'")
        reason = f"no deployment is queued for {cluster}; a running one is paused with: {pause}"
        raise Refused("the cancellation", [reason])
    request = waiting.request
    if not yes and not printer.confirm_end(f"Cancel {request.deployment}, {request.version} for {cluster}?"):
        printer.line("not cancelled")
        return 1
    payload = answer_payload(connection, cluster, request.deployment, Choice.ABORT, why)
    connection.functions.call("decide", payload)
    printer.facts(payload)
    printer.line(f"cancelled: {request.deployment} ({request.version}) no longer waits for {cluster}", "bold green")
    return 0
