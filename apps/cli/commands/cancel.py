"""`lifecycle cancel`: end a queued deployment before it begins."""

from apps.cli import resolve
from apps.cli.cluster_operations import answer_payload
from apps.cli.command import ServiceName, connected
from apps.cli.options import Environment, InEnvironment, Why, environment_flag
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.rollout.decision import Choice


@connected("cancel hello --why 'no longer wanted'", "cancel hello -e staging --why 'a newer version follows'")
def cancel(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    why: Why,
    environment: InEnvironment = Environment.PRODUCTION,
) -> int:
    """Cancel the queued deployment of a cluster; a running deployment goes on."""
    cluster = Cluster(environment.value, service_name(service))
    waiting = connection.context.queue.waiting(cluster)
    if waiting is None:
        resolve.existing_cluster(connection, service, environment)
        pause = connection.command(f"pause {service}{environment_flag(cluster)} --why '...'")
        reason = f"no deployment is queued for {cluster}; a running one is paused with: {pause}"
        raise Refused("the cancellation", [reason])
    request = waiting.request
    payload = answer_payload(connection, cluster, request.deployment, Choice.ABORT, why)
    connection.functions.call("decide", payload)
    printer.facts(payload)
    printer.line(f"cancelled: {request.deployment} ({request.version}) no longer waits for {cluster}", "bold green")
    return 0
