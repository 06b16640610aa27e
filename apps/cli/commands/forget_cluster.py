"""`lifecycle forget-cluster`: remove the records of a cluster that is gone."""

from apps.cli.cluster_operations import call_function, cluster_payload
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.options import Environment, InEnvironment, Why
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.application.fleet.forget_cluster import hosts_on_record
from lifecycle.domain.errors import Unknown
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
    _check_known(connection, cluster)
    if not yes and not printer.confirm(f"Forget every host of {cluster}, and its desired version?"):
        printer.line("not removed")
        return 1
    payload = {**cluster_payload(cluster), "by": connection.by, "why": why}
    call_function(printer, connection, "forget_cluster", payload)
    printer.line(f"next: {connection.command('status')}")
    return 0


def _check_known(connection: Connection, cluster: Cluster) -> None:
    """Raise Unknown for a cluster that has neither a stack nor a record."""
    context = connection.context
    known = list(context.registry.clusters())
    if cluster not in known and not hosts_on_record(context.fleet, cluster) and not context.registry.desired(cluster):
        raise Unknown("cluster", str(cluster), known=map(str, known))
