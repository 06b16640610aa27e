"""`lifecycle snapshots`, `promote` and `releases`: list the versions of a service, and make releases."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.known_names import check_version
from apps.cli.options import MaybeWhy, check_explained
from apps.cli.output.commit_view import NO_COMMITS, VersionCommits, commit_words, commits_of, version_facts
from apps.cli.output.printer import Printer
from apps.cli.output.text import ago, moment, one_line
from apps.cli.output.unreadable import show_unreadable
from apps.cli.ports import Connection
from lifecycle.application.delivery.promote import next_number
from lifecycle.application.readable import Rows, readable
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.service.version import ReleaseNumber, ReleaseVersion, SnapshotVersion
from lifecycle.domain.service.withdrawal import Withdrawal, done, not_withdrawn

Limit = Annotated[int, typer.Option(min=1, max=1000, help="Number of versions, newest first.")]


@connected("snapshots hello", "snapshots hello --json")
def snapshots(printer: Printer, connection: Connection, service: ServiceName, limit: Limit = 20) -> int:
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
    commits = commits_of(connection, service_name(service), newest[: limit + 1])
    listed: list[dict[str, Any]] = [
        {
            "version": each,
            "release": promoted.get(each),
            **found[each],
            "withdrawn": _withdrawn(withdrawn.get(each)),
            **version_facts(commits.get(each, NO_COMMITS)),
        }
        for each in newest
    ]
    printer.facts({"service": service, "snapshots": listed, "unreadable": list(rows.all())})
    now = connection.context.clock.now()
    columns = ("snapshot", "built", "branch", "commit", "author", "sha256", "release")
    lines = [_snapshot(each, commits[each["version"]], now) for each in listed[:limit]]
    printer.table(columns, lines, ("sha256", "author", "branch", "built"))
    _show_rest(printer, connection, "snapshots", service, limit, len(listed))
    show_unreadable(printer, rows.all())
    printer.line(f"next: {connection.command(f'promote {service}')}")
    return 0


def _snapshot(facts: dict[str, Any], found: VersionCommits, now: datetime) -> list[str]:
    commit, digest = str(facts.get("commit") or "-")[:7], str(facts.get("digest") or "-")
    version, branch = str(facts["version"]), str(facts.get("branch") or "-")
    release = "withdrawn" if facts["withdrawn"] else facts["release"] or "-"
    subject = f"{commit} {one_line(found.head.subject, 60)}" if found.head else commit
    author = one_line(found.head.author, 30) if found.head else "-"
    return [version, ago(SnapshotVersion.parse(version).built_at, now), branch, subject, author, digest[:12], release]


def _show_rest(printer: Printer, connection: Connection, command: str, service: str, limit: int, count: int) -> None:
    if count > limit:
        more = connection.command(f"{command} {service} --limit {count}")
        printer.line(f"and {count - limit} older: {more}", "dim")


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
    production = Cluster("production", service_name(service))
    bad = connection.context.fleet.quarantined(production).get(result["release"], "")
    printer.facts({**result, "quarantined": bad or None})
    what = "is now" if result["created"] else "was promoted before as"
    printer.line(
        f"{service} {wanted} {what} release {result['release']} (sha256 {result['digest'][:12]})", "bold green"
    )
    if said := result.get("staging"):
        printer.line(f"staging: {said}")
    if bad:
        printer.line(f"{result['release']} is quarantined in {production}: {one_line(bad, 1000)}", "yellow")
        lift = connection.command(f"unquarantine {service} {result['release']} --why '...'")
        printer.line(f"next: promote another snapshot, or lift the quarantine: {lift}")
        return 0
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
def releases(printer: Printer, connection: Connection, service: ServiceName, limit: Limit = 20) -> int:
    """List a service's releases, newest first: where each is desired or quarantined, or who withdrew it."""
    rows, none = Rows(), dict[str, Any]()
    found = rows.read(lambda: connection.catalogue.releases(service_name(service)), none)
    if not found and not rows.read(lambda: connection.catalogue.snapshots(service), none) and not rows.all():
        raise resolve.unknown_version(connection, "release", service)
    withdrawn = done(rows.read(lambda: connection.catalogue.withdrawals(service), none))
    newest, uses = sorted(found, key=ReleaseVersion.parse, reverse=True), _cluster_uses(connection, service, rows)
    commits = commits_of(connection, service_name(service), newest[: limit + 1])
    listed = [
        {
            "version": each,
            "snapshot": found[each] or None,
            **_places(uses, each),
            "withdrawn": _withdrawn(withdrawn.get(each)),
            **version_facts(commits.get(each, NO_COMMITS)),
        }
        for each in newest
    ]
    printer.facts({"service": service, "releases": listed, "unreadable": list(rows.all())})
    if not listed:
        printer.line(f"{service} has no releases; next: {connection.command(f'promote {service}')}")
    now = connection.context.clock.now()
    lines = [_release(each, commits[str(each["version"])], now) for each in listed[:limit]]
    notes = [_release_note(commits[str(each["version"])]) for each in listed[:limit]]
    columns = ("release", "built (utc)", "age", "commits", "environments", "snapshot")
    printer.listing(columns, lines, notes, ("snapshot", "age", "built (utc)"))
    _show_rest(printer, connection, "releases", service, limit, len(listed))
    show_unreadable(printer, rows.all())
    return 0


@dataclass(frozen=True, slots=True)
class ClusterUse:
    """A cluster's use of a service's versions: the one desired, those on its hosts, and the quarantined."""

    environment: str
    desired: str
    installed: Mapping[str, int]
    hosts: int
    quarantined: Collection[str]


def _cluster_uses(connection: Connection, service: str, rows: Rows) -> list[ClusterUse]:
    uses = []
    for cluster in resolve.clusters_of(service):
        wanted = rows.read(partial(connection.context.registry.desired, cluster), None)
        reports = rows.read(partial(connection.context.fleet.reports, cluster), {})
        installed = Counter(report.installed for report in reports.values() if report.running)
        bad = connection.context.fleet.quarantined(cluster)
        uses.append(
            ClusterUse(cluster.environment, wanted.version if wanted else "", installed, len(reports), tuple(bad))
        )
    return uses


def _places(uses: Sequence[ClusterUse], version: str) -> dict[str, Any]:
    return {
        "desired_in": [each.environment for each in uses if each.desired == version],
        "serves_on": {each.environment: [n, each.hosts] for each in uses if (n := each.installed.get(version, 0))},
        "quarantined_in": [each.environment for each in uses if version in each.quarantined],
    }


def _release(facts: Mapping[str, Any], found: VersionCommits, now: datetime) -> list[str]:
    snapshot = str(facts["snapshot"] or "")
    built = SnapshotVersion.parse(snapshot).built_at if snapshot else None
    age = ago(built, now) if built else "-"
    return [str(facts["version"]), moment(built), age, found.count_words, _use(facts), snapshot or "unknown"]


def _release_note(found: VersionCommits) -> str:
    head = commit_words(found.head) if found.head else "its commits are not known"
    return f"{head}{f'; {found.compare}' if found.compare else ''}"


def _withdrawn(found: Withdrawal | None) -> dict[str, str | None] | None:
    """Return who withdrew a release, when and why, for `--json`; None for any other."""
    if found is None:
        return None
    at = found.at.isoformat() if found.at else None
    return {"by": found.by, "at": at, "why": found.why, "words": found.in_words}


def _use(release: Mapping[str, Any]) -> str:
    serves, desired = release["serves_on"], _texts(release["desired_in"])
    parts = [
        f"{each}: {n} of {hosts}{'' if each in desired else ', not desired'}" for each, (n, hosts) in serves.items()
    ]
    parts += [f"desired in {each}, on no host" for each in desired if each not in serves]
    parts += [f"quarantined in {each}" for each in _texts(release["quarantined_in"])]
    if isinstance(gone := release["withdrawn"], dict):
        parts.append(one_line(gone["words"], 1000))
    return "; ".join(parts) or "-"


def _texts(found: object) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else []
