"""`lifecycle gc`: delete the snapshots and releases that nothing needs any more, after showing what and why."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from apps.cli.command import ServiceName, Yes, connected
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from apps.cli.ports import Connection
from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.cluster import service_name

_AGE = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[hd])")

Releases = Annotated[int, typer.Option(min=1, help="How many of the newest releases stay in any case.")]
Snapshots = Annotated[int, typer.Option(min=1, help="How many of the newest snapshots stay in any case.")]
OlderThan = Annotated[
    str, typer.Option(metavar="AGE", help="Delete nothing younger: hours or days, such as 36h or 7d.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would go and what would stay, and why.")
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
    """Delete old snapshots and releases; never what runs, what is desired, or what a rollback needs."""
    asked = {
        "service": service_name(service),
        "requested_by": connection.by,
        "keep_releases": keep_releases,
        "keep_snapshots": keep_snapshots,
        "older_than_hours": hours(older_than),
        "dry_run": True,
    }
    found = connection.functions.call("gc", asked)
    _show(printer, found)
    if dry_run or not found["deleted"]:
        printer.facts(found)
        printer.line("nothing was deleted")
        return 0
    if not yes and not printer.confirm(f"Delete {_count(found)} of {service}?"):
        printer.line("nothing was deleted")
        return 1
    done = connection.functions.call("gc", {**asked, "dry_run": False})
    printer.facts(done)
    _tell(printer, connection, found, done)
    return 0


def hours(text: str) -> int:
    """An age in whole hours; raises InvalidName."""
    if not (match := _AGE.fullmatch(text)):
        raise InvalidName("age", text, "hours or days, such as 36h or 7d, at least 1h")
    return int(match["count"]) * {"h": 1, "d": 24}[match["unit"]]


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _show(printer: Printer, found: Mapping[str, Any]) -> None:
    for fate in ("deleted", "kept"):
        rows = [[str(each["version"]), size(each["bytes"]), one_line(each["why"])] for each in found[fate]]
        heading = "goes" if fate == "deleted" else "stays"
        printer.table((heading, "size", "why"), rows)
        if rows:
            printer.line("")


def _tell(
    printer: Printer, connection: Connection, planned: Mapping[str, Any], done: Mapping[str, Any]
) -> None:
    printer.line(f"deleted {_count(done)}", "bold green")
    gone = {each["version"] for each in done["deleted"]}
    spared = {each["version"] for each in planned["deleted"]} - gone
    for each in done["kept"]:
        if each["version"] in spared:
            printer.line(f"{each['version']} stays after all: {one_line(each['why'])}")
    if done["left"]:
        printer.line(f"{done['left']} more may go: " + connection.command(f"gc {done['service']}"))


def _count(found: Mapping[str, Any]) -> str:
    kinds = ["snapshot" if "-" in each["version"] else "release" for each in found["deleted"]]
    told = [f"{n} {kind}{'s' * (n > 1)}" for kind in ("snapshot", "release") if (n := kinds.count(kind))]
    return f"{' and '.join(told) or 'nothing'} ({size(found['freed'])})"
