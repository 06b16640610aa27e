"""`lifecycle quarantine`, `unquarantine` and `quarantined`: exclude versions and hosts from deployments.

A quarantined version is neither deployed nor a rollback target. A quarantined host stays as it is.
"""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import call_function, cluster_payload, last_report
from apps.cli.command import MaybeService, ServiceName, Yes, connected
from apps.cli.known_names import check_config, check_version
from apps.cli.options import Environment, InEnvironment, Why, environment_flag
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from apps.cli.ports import Connection
from lifecycle.application.queries.quarantine_words import HOST_STAYS, version_effects
from lifecycle.application.readable import readable
from lifecycle.domain.errors import InvalidName, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.target import named_config
from lifecycle.domain.service.version import parse_version

Name = Annotated[str, typer.Argument(metavar="NAME", help="A version, a host, or a configuration such as config-6.")]


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
    """Exclude a version, a host or a configuration of a cluster from later deployments."""
    cluster = resolve.existing_cluster(connection, service, environment)
    for line in _consequences(connection, cluster, name):
        printer.line(line)
    if not yes and not printer.confirm(f"Quarantine {name} of {cluster}?"):
        printer.line("not quarantined")
        return 1
    call_function(
        printer, connection, "quarantine", {**cluster_payload(cluster), "name": name, "by": connection.by, "why": why}
    )
    undo = connection.command(f"unquarantine {service} {name}{environment_flag(cluster)} --why '...'")
    printer.line(f"undo: {undo}")
    return 0


@connected(
    "unquarantine hello h1 --why 'it has a new disk'", "unquarantine hello 1.4.2 --why 'the database was the cause'"
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
    """Lift the quarantine of a version or of a host."""
    cluster = resolve.existing_cluster(connection, service, environment)
    reasons = {**connection.context.fleet.quarantined(cluster), **connection.context.fleet.quarantined_hosts(cluster)}
    if name not in reasons:
        raise Unknown("quarantine", name, of=str(cluster), known=sorted(reasons))
    printer.line(f"{name} is quarantined: {one_line(reasons[name], 1000)}")
    if not yes and not printer.confirm(f"Lift the quarantine of {name} in {cluster}?"):
        printer.line("not lifted")
        return 1
    payload = {**cluster_payload(cluster), "name": name, "by": connection.by, "why": why, "lift": True}
    call_function(printer, connection, "quarantine", payload)
    printer.line(f"next: {connection.command(_next_command(connection, cluster, name))}")
    return 0


@connected("quarantined hello", "quarantined --json")
def quarantined(printer: Printer, connection: Connection, service: MaybeService = "") -> int:
    """List the quarantined versions, configurations and hosts with the reasons."""
    fleet = connection.context.fleet
    found = [
        {"cluster": str(cluster), "kind": _kind(kind, name), "name": name, "why": why}
        for cluster in resolve.known_clusters(connection, service)
        for kind, reasons in (("version", fleet.quarantined(cluster)), ("host", fleet.quarantined_hosts(cluster)))
        for name, why in sorted(reasons.items())
    ]
    printer.facts({"quarantined": found})
    printer.table(
        ("cluster", "kind", "name", "why"),
        [[each["cluster"], each["kind"], each["name"], one_line(each["why"], 1000)] for each in found],
    )
    if not found:
        printer.line("nothing is quarantined")
    return 0


def _kind(kind: str, name: str) -> str:
    return "configuration" if kind == "version" and named_config(name) else kind


def _next_command(connection: Connection, cluster: Cluster, name: str) -> str:
    """Return the command that updates the host again: a repair, or a deployment if a decision skipped the host."""
    deployments = connection.context.deployments
    desired, _ = readable(lambda: connection.context.registry.desired(cluster), None)
    last, _ = readable(lambda: deployments.get(cluster, desired.deployment) if desired else None, None)
    if name not in connection.context.fleet.reports(cluster) or desired is None:
        return f"status {cluster.service}"
    if last and name in last.skipped_hosts:
        return f"deploy {cluster.service} {desired.version} --environment {cluster.environment}"
    return f"converge {cluster.service}"


def _consequences(connection: Connection, cluster: Cluster, name: str) -> list[str]:
    """Describe the effect of the quarantine now; raises Unknown if `name` is no version, host or configuration."""
    context = connection.context
    if name in context.fleet.reports(cluster):
        return [
            last_report(connection, cluster, name),
            HOST_STAYS,
        ]
    if named_config(name):
        check_config(connection, cluster, name)
    else:
        _check_version(connection, cluster, name)
    running, _ = readable(lambda: resolve.lease_holder(connection, cluster), None)
    lines = version_effects(context, cluster, name, running)
    rollback = connection.command(f"rollback {cluster.service}{environment_flag(cluster)} --why '...'")
    return [*lines[:1], *(f"{each}: {rollback}" for each in lines[1:])]


def _check_version(connection: Connection, cluster: Cluster, name: str) -> None:
    try:
        _ = parse_version(name)  # only whether it is one
    except InvalidName as error:
        hosts = connection.context.fleet.reports(cluster)
        raise Unknown("host", name, "It cannot be a version either.", of=str(cluster), known=hosts) from error
    _ = check_version(connection, cluster.service, name)  # only whether it is known
