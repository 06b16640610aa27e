"""`lifecycle snapshots`, `promote` and `releases`: list the versions of a service, and make releases."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.known_names import check_version
from apps.cli.options import MaybeWhy, check_explained
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from apps.cli.output.unreadable import show_unreadable
from apps.cli.ports import Connection
from lifecycle.application.delivery.promote import next_number
from lifecycle.application.readable import Rows, readable
from lifecycle.domain.fleet.cluster import service_name
from lifecycle.domain.service.version import ReleaseNumber, ReleaseVersion, SnapshotVersion
from lifecycle.domain.service.withdrawal import Withdrawal, done, not_withdrawn


@connected("snapshots hello", "snapshots hello --json")
def snapshots(printer: Printer, connection: Connection, service: ServiceName) -> int:
    """List a service's snapshots, newest first, each with its release."""
    rows, none = Rows(), dict[str, Any]()
    found = rows.read(lambda: connection.catalogue.snapshots(service_name(service)), none)
    made = rows.read(lambda: connection.catalogue.releases(service), none)
    withdrawn = done(rows.read(lambda: connection.catalogue.withdrawals(service), none))
    made = not_withdrawn(made, withdrawn)
    promoted = {snapshot: release for release, snapshot in made.items() if snapshot}
    if not found and not rows.all():
        raise resolve.unknown_version(connection, "snapshot", service)
    newest = sorted(found, key=lambda each: (SnapshotVersion.parse(each).built, each), reverse=True)
    listed: list[dict[str, Any]] = [
        {"version": each, "release": promoted.get(each), **found[each], "withdrawn": _withdrawn(withdrawn.get(each))}
        for each in newest
    ]
    printer.facts({"service": service, "snapshots": listed, "unreadable": list(rows.all())})
    columns = ("snapshot", "branch", "commit", "sha256", "release")
    printer.table(columns, [_snapshot(each) for each in listed])
    show_unreadable(printer, rows.all())
    printer.line(f"next: {connection.command(f'promote {service}')}")
    return 0


def _snapshot(facts: dict[str, Any]) -> list[str]:
    commit, digest = str(facts.get("commit") or "-"), str(facts.get("digest") or "-")
    version, branch = str(facts["version"]), str(facts.get("branch") or "-")
    release = "withdrawn" if facts["withdrawn"] else facts["release"] or "-"
    return [version, branch, commit[:7], digest[:12], release]


@connected(
    "promote hello",
    "promote hello 1.4.0-20261123014630-ab12cd3",
    "promote hello --version 1.4.9",
    "promote hello --despite-staging --why 'staging is being rebuilt'",
)
def promote(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    snapshot: Annotated[
        str, typer.Argument(metavar="SNAPSHOT", help="The snapshot. Default: that of the head of its branch.")
    ] = "",
    *,
    why: MaybeWhy = "",
    version: Annotated[
        str,
        typer.Option("--version", metavar="VERSION", help="The release's version, such as 1.4.9 after 2.0.0."),
    ] = "",
    yes: Yes = False,
    despite_staging: Annotated[
        bool,
        typer.Option("--despite-staging", help="Promote a snapshot that staging did not verify; needs a --why."),
    ] = False,
) -> int:
    """Make a snapshot the next release: the same bytes under a release version.

    The next release is the declared version, or the patch after the newest release. It asks before the first number
    changes. It is refused if staging did not verify the snapshot, unless production's policy has `after = "none"`.
    """
    check_explained("the promotion", "--despite-staging", why, given=despite_staging)
    if snapshot:
        snapshot = check_version(connection, service, snapshot)
    wanted = str(SnapshotVersion.parse(snapshot)) if snapshot else resolve.head_snapshot(connection, service)
    number = _number(connection, service_name(service), SnapshotVersion.parse(wanted), version)
    if number and number.note:
        printer.line(f"{service} {wanted}: {number.note}", "yellow")
    if number and number.jump and not yes and not printer.confirm(f"{number.jump}. Promote it?"):
        printer.line("nothing was promoted; --version VERSION names another version")
        return 1
    payload: dict[str, Any] = {"service": service_name(service), "snapshot": wanted, "requested_by": connection.by}
    if version:
        payload["version"] = str(ReleaseVersion.parse(version))
    if despite_staging:  # a function of an older version knows neither field
        payload |= {"despite_staging": True, "reason": why}
    result = connection.functions.call("promote", payload)
    printer.facts(result)
    what = "is now" if result["created"] else "was promoted before as"
    printer.line(
        f"{service} {wanted} {what} release {result['release']} (sha256 {result['digest'][:12]})", "bold green"
    )
    if said := result.get("staging"):
        printer.line(f"staging: {said}")
    override = " --despite-staging --why '...'" if despite_staging else ""
    printer.line(f"next: {connection.command(f'deploy {service} ' + result['release'] + override)}")
    return 0


def _number(connection: Connection, service: str, snapshot: SnapshotVersion, wanted: str) -> ReleaseNumber | None:
    """Return the version that the promotion will take; None for a snapshot that was promoted before."""
    made, _ = readable(lambda: connection.catalogue.releases(service), {})
    withdrawn = resolve.withdrawn_versions(connection, service)
    if str(snapshot) in not_withdrawn(made, withdrawn).values():
        return None
    return next_number(snapshot, made, withdrawn, ReleaseVersion.parse(wanted) if wanted else None)


@connected("releases hello")
def releases(printer: Printer, connection: Connection, service: ServiceName) -> int:
    """List a service's releases, newest first: where each is desired or quarantined, or who withdrew it."""
    rows, none = Rows(), dict[str, Any]()
    found = rows.read(lambda: connection.catalogue.releases(service_name(service)), none)
    if not found and not rows.read(lambda: connection.catalogue.snapshots(service), none) and not rows.all():
        raise resolve.unknown_version(connection, "release", service)
    withdrawn = done(rows.read(lambda: connection.catalogue.withdrawals(service), none))
    listed = [
        {
            "version": each,
            "snapshot": found[each] or None,
            **_places(connection, service, each, rows),
            "withdrawn": _withdrawn(withdrawn.get(each)),
        }
        for each in sorted(found, key=ReleaseVersion.parse, reverse=True)
    ]
    printer.facts({"service": service, "releases": listed, "unreadable": list(rows.all())})
    if not listed:
        printer.line(f"{service} has no releases; next: {connection.command(f'promote {service}')}")
    lines = [[str(each["version"]), str(each["snapshot"] or "unknown"), _use(each)] for each in listed]
    printer.table(("release", "snapshot", "environments"), lines)
    show_unreadable(printer, rows.all())
    return 0


def _places(connection: Connection, service: str, version: str, rows: Rows) -> dict[str, list[str]]:
    desired, bad = [], []
    for cluster in resolve.clusters_of(service):
        wanted = rows.read(partial(connection.context.registry.desired, cluster), None)
        desired += [cluster.environment] if wanted and wanted.version == version else []
        bad += [cluster.environment] if version in connection.context.fleet.quarantined(cluster) else []
    return {"desired_in": desired, "quarantined_in": bad}


def _withdrawn(found: Withdrawal | None) -> dict[str, str | None] | None:
    """Return who withdrew a release, when and why, for `--json`; None for any other."""
    if found is None:
        return None
    at = found.at.isoformat() if found.at else None
    return {"by": found.by, "at": at, "why": found.why, "words": found.in_words}


def _use(release: Mapping[str, object]) -> str:
    parts = [f"desired in {each}" for each in _texts(release["desired_in"])]
    parts += [f"quarantined in {each}" for each in _texts(release["quarantined_in"])]
    if isinstance(gone := release["withdrawn"], dict):
        parts.append(one_line(gone["words"], 1000))
    return ", ".join(parts) or "-"


def _texts(found: object) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else []
