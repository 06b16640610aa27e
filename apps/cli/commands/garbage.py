"""`lifecycle gc`: show the unused snapshots and releases with the reason for each, then delete them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from apps.cli.command import ServiceName, Yes, connected
from apps.cli.errors import FunctionRefused
from apps.cli.known_names import check_service
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from apps.cli.ports import Connection
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import service_name
from lifecycle.domain.service.version import SnapshotVersion, parse_version

_AGE = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[hd])")

Releases = Annotated[int, typer.Option(min=1, help="Number of newest releases to retain.")]
Snapshots = Annotated[int, typer.Option(min=1, help="Number of newest snapshots to retain.")]
OlderThan = Annotated[
    str, typer.Option(metavar="AGE", help="The least age of a deleted version in hours or days, such as 36h or 7d.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only list what would be deleted and retained, with the reasons.")
]


@connected("gc hello --dry-run", "gc hello", "gc hello --keep-releases 5 --older-than 30d --yes")
def gc(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    keep_releases: Releases = 10,
    keep_snapshots: Snapshots = 20,
    older_than: OlderThan = "7d",
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Delete old snapshots and releases that no host, desired version or rollback needs."""
    payload = {
        "service": service_name(service),
        "requested_by": connection.by,
        "keep_releases": keep_releases,
        "keep_snapshots": keep_snapshots,
        "older_than_hours": hours(older_than),
        "dry_run": True,
    }
    try:
        found = connection.functions.call("gc", payload)
    except FunctionRefused:
        check_service(connection, service)
        raise
    _show(printer, found)
    if dry_run or not found["deleted"]:
        printer.facts(found)
        printer.line("nothing was deleted")
        return 0
    if not yes and not printer.confirm(f"Delete {_count(found)} of {service}?"):
        printer.line("nothing was deleted")
        return 1
    result = connection.functions.call("gc", {**payload, "dry_run": False})
    printer.facts(result)
    _show_result(printer, connection, found, result)
    return 0


def hours(text: str) -> int:
    """Parse an age and return it in whole hours; raises InvalidValue."""
    if not (match := _AGE.fullmatch(text)):
        raise InvalidValue("age", text, "hours or days, such as 36h or 7d, at least 1h")
    return int(match["count"]) * {"h": 1, "d": 24}[match["unit"]]


def size(count: float) -> str:
    """Format a number of bytes, such as `12 kB` or `3.4 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _show(printer: Printer, found: Mapping[str, Any]) -> None:
    for key, heading in (("deleted", "to delete"), ("retained", "retained")):
        rows = [[str(each["version"]), size(each["bytes"]), one_line(each["why"])] for each in found[key]]
        printer.table((heading, "size", "why"), rows)
        if rows:
            printer.line("")


def _show_result(
    printer: Printer, connection: Connection, planned: Mapping[str, Any], result: Mapping[str, Any]
) -> None:
    printer.line(f"deleted: {_count(result)}", "bold green")
    deleted = {each["version"] for each in result["deleted"]}
    not_deleted = {each["version"] for each in planned["deleted"]} - deleted
    for each in result["retained"]:
        if each["version"] in not_deleted:
            printer.line(f"{each['version']} was not deleted: {one_line(each['why'])}")
    if result["left"]:
        again = connection.command(f"gc {result['service']}")
        printer.line(f"next: {again} ({result['left']} more to delete)")


def _count(found: Mapping[str, Any]) -> str:
    kinds = [_kind(each["version"]) for each in found["deleted"]]
    counts = [f"{n} {kind}{'s' * (n > 1)}" for kind in ("snapshot", "release") if (n := kinds.count(kind))]
    return f"{' and '.join(counts) or 'nothing'} ({size(found['freed'])})"


def _kind(version: str) -> str:
    return "snapshot" if isinstance(parse_version(version), SnapshotVersion) else "release"
