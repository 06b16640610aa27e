"""What the commands share that set something apart from any deployment: a cluster, a host, and the call itself.

Used by quarantining.py, removing.py, pausing.py and cancelling.py.
"""

from typing import Any

from apps.cli import resolve
from apps.cli.options import Environment
from apps.cli.output.printer import Printer
from apps.cli.output.text import ago
from apps.cli.ports import Connection
from lifecycle.application.rollout import observe
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.fleet.target_group import state_of
from lifecycle.domain.rollout.decision import Choice


def existing_cluster(connection: Connection, service: str, environment: Environment) -> Cluster:
    """A cluster that stands; raises Unknown."""
    cluster = Cluster(environment.value, service_name(service))
    every = resolve.known_clusters(connection)
    if cluster not in every:
        raise Unknown("cluster", str(cluster), f"known: {', '.join(map(str, every)) or 'none'}")
    return cluster


def where(cluster: Cluster) -> dict[str, str]:
    """A cluster as the functions take it."""
    return {"service": cluster.service, "environment": cluster.environment}


def deployment_answer(
    connection: Connection, cluster: Cluster, deployment: str, choice: Choice, why: str
) -> dict[str, str]:
    """What an operator says of a whole deployment, as the function `decide` takes it: it names no host."""
    return {
        "deployment": deployment,
        **where(cluster),
        "choice": str(choice),
        "by": connection.by,
        "why": why,
    }


def environment_flag(cluster: Cluster) -> str:
    """The option that a suggested command needs to mean this cluster."""
    return "" if cluster.environment == Environment.PRODUCTION else f" --environment {cluster.environment}"


def call(printer: Printer, connection: Connection, phase: str, given: dict[str, Any]) -> None:
    """Call a function, and say what it did."""
    done = connection.functions.call(phase, given)
    printer.facts({**given, **done})
    printer.line(f"{done['told']}, by {connection.by}", "bold green")


def last_report(connection: Connection, cluster: Cluster, host: str) -> str:
    """A host as it was last seen; raises Unknown."""
    reports = connection.context.fleet.reports(cluster)
    if (report := reports.get(host)) is None:
        known = ", ".join(reports) or "none"
        raise Unknown("host", f"{host} of {cluster}", f"known: {known}")
    state = state_of(observe.rotation(connection.context, cluster, reports), host)
    seen = f"agent heard {ago(report.seen_at, connection.context.clock.now())}"
    return f"{host}: {report.installed or 'nothing'} installed, {state} in the load balancer, {seen}"
