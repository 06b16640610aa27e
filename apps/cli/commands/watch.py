"""`lifecycle watch`: follow a build or a deployment live."""

from functools import partial
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import connected
from apps.cli.errors import Ambiguous
from apps.cli.known_names import check_service
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.watch.delivery import watch_run
from apps.cli.watch.deployment import watch_deployment
from lifecycle.application.readable import Rows, readable
from lifecycle.domain.delivery.delivery_name import delivers
from lifecycle.domain.fleet.cluster import Cluster

# As many as `history` reads: they come by their names, and that of a rollback has the time of what it undoes.
_READ = 20


@connected("watch", "watch hello", "watch hello-production-20261123014630-ab12", "watch --run hello")
def watch(
    printer: Printer,
    connection: Connection,
    what: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE|DEPLOYMENT|RUN", help="The build or deployment to follow. Default: the one that runs."
        ),
    ] = "",
    run: Annotated[
        str, typer.Option("--run", metavar="NAME", help="The run of a push: its name, repository or commit.")
    ] = "",
) -> int:
    """Follow a deployment or the run of a push until it ends or halts; exits with 0 only on success."""
    if run or resolve.is_run(what):
        return watch_run(printer, connection, resolve.run_named(connection, run or what).name)
    if resolve.is_deployment(what):
        return watch_deployment(printer, connection, what)[0]
    runs = [each.name for each in connection.runs.deliveries(running=True) if _is_of(each.name, what)]
    if what and not runs:
        _check_service(connection, what)
    clusters = resolve.clusters_of(what) if what else resolve.known_clusters(connection)
    deployments = [name for cluster in clusters if (name := _active(connection, cluster))]
    if len(deployments) + len(runs) > 1:
        raise Ambiguous(f"more than one build or deployment runs; name one: {', '.join((*deployments, *runs))}")
    if deployments:
        return watch_deployment(printer, connection, deployments[0])[0]
    if runs:
        return watch_run(printer, connection, runs[0])
    return _watch_last(printer, connection, clusters, what)


def _check_service(connection: Connection, service: str) -> None:
    """Raise Unknown for a service without cluster, version and run."""
    if not any(_is_of(run.name, service) for run in connection.runs.deliveries(running=False)):
        check_service(connection, service)


def _active(connection: Connection, cluster: Cluster) -> str:
    """Return the deployment that has the lease, else the queued one, which is about to begin."""
    if holder := connection.context.leases.current(cluster).deployment:
        return holder
    waiting, _ = readable(lambda: connection.context.queue.waiting(cluster), None)
    return waiting.request.deployment if waiting else ""


def _is_of(run: str, service: str) -> bool:
    return not service or delivers(run, service)


def _watch_last(printer: Printer, connection: Connection, clusters: list[Cluster], service: str) -> int:
    """Show how the last build or deployment ended, because none runs."""
    printer.line(f"no build or deployment{f' of {service}' if service else ''} runs; the last one:")
    deployments = connection.context.deployments
    rows = Rows()
    reads = [partial(deployments.recent_without_hosts, one, _READ) for one in clusters]
    recent = [each for read in reads for each in rows.read(read, ())]
    deployment = max(recent, key=lambda each: each.started_at, default=None)
    runs = [run for run in connection.runs.deliveries(running=False) if _is_of(run.name, service)]
    if runs and (deployment is None or runs[0].started_at > deployment.started_at):
        return watch_run(printer, connection, runs[0].name)
    if deployment is None:
        printer.event({"event": "idle"})
        return 0
    return watch_deployment(printer, connection, deployment.id)[0]
