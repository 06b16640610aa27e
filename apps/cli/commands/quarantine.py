"""`lifecycle quarantine`, `unquarantine` and `quarantined`: versions and hosts that deployments leave out.

A quarantined version is neither deployed nor gone back to; a quarantined host stays as it is, in rotation or not.
"""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import call, environment_flag, existing_cluster, last_report, where
from apps.cli.command import MaybeService, ServiceName, Yes, connected
from apps.cli.options import Environment, InEnvironment, Why
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from apps.cli.ports import Connection
from lifecycle.domain.errors import InvalidName, Unknown
from lifecycle.domain.fleet.cluster import Cluster

Name = Annotated[str, typer.Argument(metavar="NAME", help="A version, or a host.")]


@connected(
    "quarantine hello 1.4.2 --why 'it loses orders'",
    "quarantine hello h1 --why 'its disk fails' --environment staging",
)
def quarantine(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    name: Name,
    why: Why,
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    yes: Yes = False,
) -> int:
    """Keep a version or a host of a cluster out of every later deployment."""
    cluster = existing_cluster(connection, service, environment)
    for line in _means(connection, cluster, name):
        printer.line(line)
    if not yes and not printer.confirm(f"Quarantine {name} of {cluster}?"):
        printer.line("nothing was quarantined")
        return 1
    call(printer, connection, "quarantine", {**where(cluster), "name": name, "by": connection.by, "why": why})
    printer.line(
        f"undo: {connection.command(f'unquarantine {service} {name}{environment_flag(cluster)}')} --why '...'"
    )
    return 0


@connected(
    "unquarantine hello h1 --why 'it has a new disk'", "unquarantine hello 1.4.2 --why 'it was the database'"
)
def unquarantine(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    name: Name,
    why: Why,
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    yes: Yes = False,
) -> int:
    """Let a version be deployed again, or a host be in deployments again."""
    cluster = existing_cluster(connection, service, environment)
    standing = {
        **connection.context.fleet.quarantined(cluster),
        **connection.context.fleet.quarantined_hosts(cluster),
    }
    if name not in standing:
        there = ", ".join(sorted(standing)) or "nothing"
        raise Unknown("quarantine", f"of {name} in {cluster}", f"quarantined there is: {there}")
    printer.line(f"{name} is quarantined: {one_line(standing[name], 1000)}")
    if not yes and not printer.confirm(f"Let {name} of {cluster} in again?"):
        printer.line("nothing was lifted")
        return 1
    given = {**where(cluster), "name": name, "by": connection.by, "why": why, "lift": True}
    call(printer, connection, "quarantine", given)
    printer.line(f"next: {connection.command(_after(connection, cluster, name))}")
    return 0


@connected("quarantined hello", "quarantined --json")
def quarantined(printer: Printer, connection: Connection, service: MaybeService = "") -> int:
    """List the versions and hosts that are kept out, and why."""
    fleet = connection.context.fleet
    found = [
        {"cluster": str(cluster), "kind": kind, "name": name, "why": why}
        for cluster in resolve.known_clusters(connection, service)
        for kind, standing in (
            ("version", fleet.quarantined(cluster)),
            ("host", fleet.quarantined_hosts(cluster)),
        )
        for name, why in sorted(standing.items())
    ]
    printer.facts({"quarantined": found})
    printer.table(
        ("cluster", "kind", "name", "why"),
        [[each["cluster"], each["kind"], each["name"], one_line(each["why"], 1000)] for each in found],
    )
    if not found:
        printer.line("nothing is quarantined")
    return 0


def _after(connection: Connection, cluster: Cluster, name: str) -> str:
    """What brings back what was let in: a repair, or a deployment where a decision left the host out."""
    desired = connection.context.registry.desired(cluster)
    last = connection.context.deployments.get(cluster, desired.deployment) if desired else None
    if name not in connection.context.fleet.reports(cluster) or desired is None:
        return f"status {cluster.service}"
    if last and name in last.skipped_hosts:
        return f"deploy {cluster.service} {desired.version} --environment {cluster.environment}"
    return f"converge {cluster.service}"


def _means(connection: Connection, cluster: Cluster, name: str) -> list[str]:
    """What its quarantine would and would not change now; raises Unknown for neither a version nor a host."""
    context = connection.context
    if name in context.fleet.reports(cluster):
        return [
            last_report(connection, cluster, name),
            "it stays as it is; no deployment or repair touches or counts it",
        ]
    _check_version(connection, cluster, name)
    lines = [f"{name}: no deployment of {cluster} takes it, unless it says --even-if-quarantined"]
    desired, running = context.registry.desired(cluster), resolve.current(connection, cluster)
    if running and not running.state.final and running.target.version == name:
        stop = connection.command(f"rollback {cluster.service}{environment_flag(cluster)} --reason '...'")
        lines.append(f"{running.id} deploys it now, and goes on; go back instead: {stop}")
    elif desired and desired.version == name:
        back = connection.command(f"rollback {cluster.service}{environment_flag(cluster)} --reason '...'")
        lines.append(f"it is desired now: hosts go on serving it, and drift is not repaired; go back: {back}")
    return lines


def _check_version(connection: Connection, cluster: Cluster, name: str) -> None:
    try:
        connection.context.artifacts.manifest(cluster.service, name)
    except InvalidName as error:
        hosts = ", ".join(connection.context.fleet.reports(cluster)) or "none"
        raise Unknown("host", f"{name} of {cluster}, nor can it be a version", f"hosts: {hosts}") from error
