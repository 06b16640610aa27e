"""`lifecycle bind-host`: name the hosts of a cluster and their addresses."""

from collections.abc import Sequence
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import call_function, cluster_payload
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.errors import Ambiguous
from apps.cli.options import Environment, InEnvironment, Why
from apps.cli.output.layout import Cell
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.fleet.host import UnreadableReport
from lifecycle.domain.listing import counted

Places = Annotated[
    list[str] | None,
    typer.Argument(metavar="[HOST=ADDRESS...]", help="Hosts with addresses; those that report now if left out."),
]


@connected(
    "bind-host hello --why 'these are all our hosts'",
    "bind-host hello h5=10.0.1.7 --why 'a new machine'",
)
def bind_host(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    places: Places = None,
    *,
    why: Why,
    environment: InEnvironment = Environment.PRODUCTION,
    yes: Yes = False,
) -> int:
    """Bind hosts to their addresses, so that no report brings another host or address behind the load balancer.

    Compare the addresses with your own list of machines before you confirm. Convergence binds the instances of an
    Auto Scaling group, and `lifecycle local add` those of a laptop.
    """
    cluster = resolve.existing_cluster(connection, service, environment)
    reports, bound = connection.context.fleet.reports(cluster), connection.context.fleet.bound(cluster).places
    found = {h: r.address for h, r in reports.items() if not isinstance(r, UnreadableReport)}
    wanted = _parsed(places) if places else found
    if not wanted:
        raise Ambiguous(f"no host of {cluster} reports; name them: `lifecycle bind-host {service} HOST=ADDRESS`")
    rows: list[list[Cell]] = [
        [host, address, bound.get(host, "-"), found.get(host, "-")] for host, address in sorted(wanted.items())
    ]
    printer.table(("host", "address", "bound now", "reports"), rows)
    if not yes and not printer.confirm(f"Are these the addresses of {counted(len(wanted), 'host')} of {cluster}?"):
        printer.line("nothing changed")
        return 1
    payload = {**cluster_payload(cluster), "places": wanted, "by": connection.by, "why": why}
    call_function(printer, connection, "bind_hosts", payload)
    printer.line(f"next: {connection.command(f'hosts {service}')}")
    return 0


def _parsed(typed: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in typed:
        host, equals, address = each.partition("=")
        if not (host and equals and address) or host in found:
            raise Ambiguous(f"expected each host once, as HOST=ADDRESS, found {each!r}")
        found[host] = address
    return found
