"""`lifecycle forget-cluster`: remove the records of a cluster that is gone."""

from apps.cli.cluster_operations import call_function, cluster_payload
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.options import Environment, InEnvironment, Why
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.fleet.cluster import Cluster


@connected("forget-cluster hello --why 'moved to another account'")
def forget_cluster(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    why: Why,
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    yes: Yes = False,
) -> int:
    """Remove a cluster that is gone: its hosts and its desired version; its deployments and audit log stay.

    It is refused while a host reports or is in rotation, while its group has instances, and during a deployment.
    """
    cluster = Cluster(environment, service)
    if not yes and not printer.confirm(f"Forget every host of {cluster}, and its desired version?"):
        printer.line("not removed")
        return 1
    payload = {**cluster_payload(cluster), "by": connection.by, "why": why}
    call_function(printer, connection, "forget_cluster", payload)
    printer.line(f"next: {connection.command('status')}")
    return 0
