"""`lifecycle watch`: what is being built or deployed now, live."""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import connected
from apps.cli.errors import Ambiguous
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.watch.deployment import watch_deployment, watch_run
from lifecycle.domain.fleet.cluster import Cluster


@connected("watch", "watch hello", "watch hello-production-20261123014630-ab12", "watch --run hello")
def watch(
    printer: Printer,
    connection: Connection,
    what: Annotated[
        str, typer.Argument(metavar="SERVICE|DEPLOYMENT|RUN", help="What to watch; what runs when left out.")
    ] = "",
    run: Annotated[
        str, typer.Option("--run", metavar="NAME", help="A push's run: its name, repository or commit.")
    ] = "",
) -> int:
    """Show a deployment or a push's run live, until it ends or halts; exit code 0 only if it ended well."""
    if run or resolve.is_run(what):
        return watch_run(printer, connection, resolve.run_named(connection, run or what).name)
    if resolve.is_deployment(what):
        return watch_deployment(printer, connection, what)[0]
    clusters = resolve.clusters_of(what) if what else resolve.known_clusters(connection)
    deployments = [name for cluster in clusters if (name := _next(connection, cluster))]
    runs = [each.name for each in connection.runs.deliveries(running=True) if _is_of(each.name, what)]
    if len(deployments) + len(runs) > 1:
        raise Ambiguous(f"more than one thing runs: name one of {', '.join((*deployments, *runs))}")
    if deployments:
        return watch_deployment(printer, connection, deployments[0])[0]
    if runs:
        return watch_run(printer, connection, runs[0])
    return _last(printer, connection, clusters, what)


def _next(connection: Connection, cluster: Cluster) -> str:
    """The deployment that has the lease, else the one that waits and is about to begin."""
    if holder := connection.context.leases.current(cluster).deployment:
        return holder
    waiting = connection.context.queue.waiting(cluster)
    return waiting.request.deployment if waiting else ""


def _is_of(run: str, service: str) -> bool:
    return not service or resolve.run_base(run).rpartition("-")[0] == service


def _last(printer: Printer, connection: Connection, clusters: list[Cluster], service: str) -> int:
    """Nothing runs: say how what was built or deployed last has ended."""
    printer.line(
        f"nothing is being built or deployed{f' for {service}' if service else ''}; this was the last"
    )
    recent = [each for cluster in clusters for each in connection.context.deployments.recent(cluster, 1)]
    deployment = max(recent, key=lambda each: each.started_at, default=None)
    runs = [run for run in connection.runs.deliveries(running=False) if _is_of(run.name, service)]
    if runs and (deployment is None or runs[0].started_at > deployment.started_at):
        return watch_run(printer, connection, runs[0].name)
    if deployment is None:
        printer.event({"event": "idle"})
        return 0
    return watch_deployment(printer, connection, deployment.id)[0]
