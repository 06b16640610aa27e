"""`lifecycle service transfer` and `remove`: hand a service over to another repository, or retire it."""

from typing import Annotated

import typer

from apps.cli.cluster_operations import call_function
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.help import CommandGroup
from apps.cli.known_names import check_service
from apps.cli.options import Why
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.application.readable import readable
from lifecycle.domain.delivery.clone_url import clone_url

app = typer.Typer(
    cls=CommandGroup, help="Change which repository a service belongs to, or retire it.", no_args_is_help=True
)


@app.callback()
def service() -> None:
    """Change which repository a service belongs to, or retire it."""


@connected("service transfer hello --to https://github.com/shop/hello.git --why 'the repository was renamed'")
def transfer(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="The clone URL, such as https://github.com/shop/hello.git.")
    ],
    why: Why,
    *,
    yes: Yes = False,
) -> int:
    """Hand a service over to another repository, such as after it was renamed.

    Builds of the former repository are refused from then on. Snapshots and releases stay.
    """
    found, unreadable = readable(lambda: connection.catalogue.owner(check_service(connection, service)), None)
    owner = found or ("an owner that cannot be read" if unreadable else "no repository")
    if not yes and not printer.confirm(f"{service} belongs to {owner}. Hand it over to {clone_url(to)}?"):
        printer.line("not transferred")
        return 1
    payload = {"service": service, "to": clone_url(to), "by": connection.by, "why": why}
    call_function(printer, connection, "transfer_service", payload)
    printer.line("next: push to that repository, or deliver its last push again")
    return 0


@connected("service remove hello --why 'the shop has one service less'")
def remove(printer: Printer, connection: Connection, service: ServiceName, why: Why, *, yes: Yes = False) -> int:
    """Retire a service that has no clusters and no hosts any more; its name is free for another repository.

    Its versions are withdrawn for good, and their numbers are not used again. History and audit log stay.
    """
    owner = connection.catalogue.owner(check_service(connection, service)) or "no repository"
    if not yes and not printer.confirm(f"{service} belongs to {owner}. Remove it, and withdraw all of its versions?"):
        printer.line("not removed")
        return 1
    call_function(printer, connection, "remove_service", {"service": service, "by": connection.by, "why": why})
    printer.line("the next repository whose build is named so owns it")
    printer.line(f"next: {connection.command(f'gc {service}')} deletes the bytes of its versions")
    return 0


app.command("transfer")(transfer)
app.command("remove")(remove)
