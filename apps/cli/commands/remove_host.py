"""`lifecycle remove-host`: forget a host that is gone."""

from typing import Annotated

import typer

from apps.cli.cluster_operations import call, existing_cluster, last_report, where
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.options import Environment, InEnvironment, Why
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection

HostName = Annotated[str, typer.Argument(metavar="HOST", help="The host, as `lifecycle hosts` names it.")]
Terminated = Annotated[
    bool,
    typer.Option(
        "--terminated",
        help="Its machine is known to be gone, whatever its agent and the load balancer said last.",
    ),
]


@connected(
    "remove-host hello h1 --why 'sold'", "remove-host hello h1 --why 'its machine burned' --terminated"
)
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
    """Forget a host that is gone, so that nobody waits for it; refused while its agent or its service lives.

    With --terminated it is taken out of the load balancer as well, even if it still serves.
    """
    cluster = existing_cluster(connection, service, environment)
    printer.line(last_report(connection, cluster, host))
    if not yes and not printer.confirm(f"Remove {host} from {cluster}?"):
        printer.line("nothing was removed")
        return 1
    given = {**where(cluster), "host": host, "by": connection.by, "why": why, "terminated": terminated}
    call(printer, connection, "remove_host", given)
    printer.line(f"next: {connection.command(f'hosts {service}')}")
    return 0
