"""`lifecycle withdraw`: take back a release that was never deployed."""

from typing import Annotated

import typer

from apps.cli.cluster_operations import call_function
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.known_names import check_version
from apps.cli.options import Why
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.fleet.cluster import service_name

Release = Annotated[str, typer.Argument(metavar="VERSION", help="The release, such as 1.4.2.")]


@connected("withdraw hello 1.4.2 --why 'it was promoted by mistake'")
def withdraw(
    printer: Printer, connection: Connection, service: ServiceName, version: Release, why: Why, *, yes: Yes = False
) -> int:
    """Take back a release that was never deployed, for good: no deployment takes it any more.

    Its number is not used again. Its snapshot may be promoted again, and then gets another number.
    """
    name, release = service_name(service), check_version(connection, service, version)
    if not yes and not printer.confirm(f"Withdraw release {release} of {name} for good?"):
        printer.line("not withdrawn")
        return 1
    payload = {"service": name, "version": release, "by": connection.by, "why": why}
    call_function(printer, connection, "withdraw_release", payload)
    printer.line(f"next: {connection.command(f'promote {name}')} makes another release")
    return 0
