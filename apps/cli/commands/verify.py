"""`lifecycle verify`: the chain of a version from its commit to its hosts, one line a link."""

from dataclasses import asdict
from typing import Annotated

import typer

from apps.cli.command import ServiceName, connected
from apps.cli.known_names import check_version
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from apps.cli.ports import Connection
from lifecycle.application.queries.provenance import chain
from lifecycle.domain.fleet.cluster import service_name


@connected("verify hello 1.4.2", "verify hello 1.4.2 --json")
def verify(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The release, or the snapshot.")],
) -> int:
    """Check a version's chain from commit to host: digests, the ledger's record, the signature, and each host.

    The exit code is 1 if a link does not hold.
    """
    from lifecycle.gateways import p256  # noqa: PLC0415 (only this command checks signatures)

    name, wanted = service_name(service), check_version(connection, service, version)
    keys = connection.public_keys.trusted()
    links = chain(connection.context, connection.catalogue, keys, p256.verify, name, wanted)
    broken = [each for each in links if each.problem]
    facts = [asdict(each) for each in links]
    printer.facts({"service": name, "version": wanted, "holds": not broken, "links": facts})
    width = max(len(each.name) for each in links)
    for each in links:
        mark, style = ("✗", "bold red") if each.problem else ("✓", "green")
        printer.line(f"{mark} {each.name:<{width}}  {one_line(each.found, 2000)}", style)
        if each.problem:
            printer.line(f"  {'':<{width}}  {one_line(each.problem, 2000)}")
    count = f"{len(broken)} of {len(links)} links"
    printer.line(f"{count} do not hold" if broken else f"all {len(links)} links hold", "bold")
    return 1 if broken else 0
