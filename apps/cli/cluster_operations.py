"""Parts shared by the commands that change a cluster: payloads of functions, their call, and a host's last report.

Used by cancel, decisions, deploy, pause, quarantine and remove_host.
"""

from typing import Any

from apps.cli.output.printer import Printer
from apps.cli.output.text import ago, one_line
from apps.cli.ports import Connection
from lifecycle.application.rollout import observe
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import UnreadableReport
from lifecycle.domain.fleet.target_group import state_of
from lifecycle.domain.rollout.decision import Choice


def cluster_payload(cluster: Cluster) -> dict[str, str]:
    """Return the fields by which the functions take a cluster."""
    return {"service": cluster.service, "environment": cluster.environment}


def answer_payload(
    connection: Connection, cluster: Cluster, deployment: str, choice: Choice, why: str
) -> dict[str, str]:
    """Return the payload of `decide` for an answer about a whole deployment: it names no host."""
    return {
        "deployment": deployment,
        **cluster_payload(cluster),
        "choice": str(choice),
        "by": connection.by,
        "why": why,
    }


def call_function(printer: Printer, connection: Connection, phase: str, payload: dict[str, Any]) -> None:
    """Call a function and print what it did."""
    result = connection.functions.call(phase, payload)
    printer.facts({**payload, **result})
    printer.line(f"{result['message']}, by {connection.by}", "bold green")


def last_report(connection: Connection, cluster: Cluster, host: str) -> str:
    """Describe a host by its last report; raises Unknown for a host that never reported."""
    reports = connection.context.fleet.reports(cluster)
    if (report := reports.get(host) or connection.context.fleet.report(cluster, host)) is None:
        raise Unknown("host", host, of=str(cluster), known=reports)
    if isinstance(report, UnreadableReport):
        return one_line(report.why, 2000)
    state = state_of(observe.rotation(connection.context, cluster, reports), host)
    reported = f"last report {ago(report.seen_at, connection.context.clock.now())}"
    return f"{host}: {report.installed or 'nothing'} installed, {state.in_words}, {reported}"
