"""`lifecycle cancel`: end a deployment that waits for another one, before anything of it has begun."""

from apps.cli.cluster_operations import deployment_answer
from apps.cli.command import ServiceName, connected
from apps.cli.options import Environment, InEnvironment, Why
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.rollout.decision import Choice


@connected("cancel hello --why 'not wanted any more'", "cancel hello -e staging --why 'superseded by hand'")
def cancel(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    why: Why,
    environment: InEnvironment = Environment.PRODUCTION,
) -> int:
    """Take the deployment that waits for another one out of the queue; what runs is left alone."""
    cluster = Cluster(environment.value, service_name(service))
    waiting = connection.context.queue.waiting(cluster)
    if waiting is None:
        what = f"nothing waits for {cluster}; what runs is stopped with: {connection.command(f'pause {service}')}"
        raise Refused("the cancellation", [what])
    request = waiting.request
    given = deployment_answer(connection, cluster, request.deployment, Choice.ABORT, why)
    connection.functions.call("decide", given)
    printer.facts(given)
    printer.line(
        f"cancelled: {request.deployment} ({request.version}) no longer waits for {cluster}", "bold green"
    )
    return 0
