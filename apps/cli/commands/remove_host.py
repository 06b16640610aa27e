"""`lifecycle remove-host`: remove the records of a host that is gone."""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import call_function, cluster_payload, last_report
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.options import Environment, InEnvironment, Why
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection

HostName = Annotated[str, typer.Argument(metavar="HOST", help="The name of the host, as `lifecycle hosts` shows it.")]
Terminated = Annotated[
    bool,
    typer.Option("--terminated", help="The machine is gone, whatever the agent and the load balancer reported last."),
]


@connected("remove-host hello h1 --why 'sold'", "remove-host hello h1 --why 'its disk failed' --terminated")
def remove_host(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    host: HostName,
    why: Why,
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    terminated: Terminated = False,
    yes: Yes = False,
) -> int:
    """Remove a host that is gone, so that no deployment waits for it.

    It is refused while the agent reports or the service is healthy. With --terminated the host is also removed
    from the load balancer, even if it still serves.
    """
    cluster = resolve.existing_cluster(connection, service, environment)
    printer.line(last_report(connection, cluster, host))
    if not yes and not printer.confirm(f"Remove {host} from {cluster}?"):
        printer.line("not removed")
        return 1
    payload = {**cluster_payload(cluster), "host": host, "by": connection.by, "why": why, "terminated": terminated}
    call_function(printer, connection, "remove_host", payload)
    printer.line(f"next: {connection.command(f'hosts {service}')}")
    return 0
