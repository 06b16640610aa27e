"""`lifecycle freeze`, `unfreeze` and `freezes`: where no new version may be deployed now.

A freeze stops no rollback, no repair and nothing that runs already; `deploy --despite-freeze` goes on in spite of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import Yes, connected
from apps.cli.freeze_scope import parse_end, parse_scope, unfreeze_command
from apps.cli.options import Why
from apps.cli.output.printer import Printer
from apps.cli.output.text import ahead, minute, moment, one_line
from apps.cli.ports import Connection
from lifecycle.application.queries.clusters import view_cluster
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.freezes import Freeze, blocking, named

Scope = Annotated[
    str,
    typer.Argument(
        metavar="SCOPE", help="everything, production, staging, or a service there: production/hello."
    ),
]
Until = Annotated[
    str, typer.Option("--until", metavar="TIME", help="When it ends, in UTC: '2026-11-24 08:00'.")
]
For = Annotated[str, typer.Option("--for", metavar="SPAN", help="How long it lasts: 30m, 2h or 3d.")]


@connected(
    "freeze production --for 2h --why 'the database is being moved'",
    "freeze production/hello --until '2026-11-24 08:00' --why 'the shop is on television'",
    "freeze everything --why 'nobody touches anything until we know more' --yes",
)
def freeze(
    printer: Printer,
    connection: Connection,
    scope: Scope,
    why: Why,
    until: Until = "",
    lasts: For = "",
    *,
    yes: Yes = False,
) -> int:
    """Let no new version be deployed in a scope, until it is lifted or until a time.

    Rollbacks and repairs go on, and so does what runs already: pause that.
    """
    now, wanted = connection.context.clock.now(), parse_scope(scope)
    end = parse_end(until, lasts, now)
    clusters = _covered(connection, Freeze(wanted, connection.by, why, now))
    ends = f"until {ahead(end, now)}" if end else "until somebody lifts it"
    printer.line(f"freeze {named(wanted)} {ends}: {_listed(clusters)}", "bold")
    _tell_standing(printer, connection, wanted)
    _tell_running(printer, connection, clusters)
    if not yes and not printer.confirm(f"Freeze {named(wanted)}?"):
        printer.line("nothing was frozen")
        return 1
    given = {"scope": wanted, "by": connection.by, "why": why, "until": end.isoformat() if end else None}
    done = connection.functions.call("freeze", given)
    printer.facts({**given, **done})
    printer.line(f"frozen: {named(wanted)}, by {connection.by}, {ends}", "bold green")
    printer.line(f"lift it: {connection.command(unfreeze_command(wanted))}")
    return 0


@connected("unfreeze production --why 'the database is moved'", "unfreeze everything --why 'all clear' --yes")
def unfreeze(printer: Printer, connection: Connection, scope: Scope, why: Why, *, yes: Yes = False) -> int:
    """Lift the freeze of exactly this scope; another one may still cover the same services."""
    wanted = parse_scope(scope)
    standing = {each.scope: each for each in connection.context.freezes.standing()}
    if wanted not in standing:
        there = ", ".join(named(each) for each in standing) or "nothing"
        raise Unknown("freeze", f"of {named(wanted)}", f"frozen is: {there}")
    _tell_standing(printer, connection, wanted)
    if not yes and not printer.confirm(f"Lift the freeze of {named(wanted)}?"):
        printer.line("nothing was lifted")
        return 1
    made = standing[wanted].at.isoformat()
    given = {"scope": wanted, "by": connection.by, "why": why, "lift": True, "made": made}
    done = connection.functions.call("freeze", given)
    left = _still(connection, standing[wanted])
    printer.facts({**given, **done, "still_frozen": left})
    printer.line(f"lifted: the freeze of {named(wanted)}, by {connection.by}", "bold green")
    for each in left:
        printer.line(f"still frozen: {each}", "yellow")
    return 0


@connected("freezes", "freezes --json")
def freezes(printer: Printer, connection: Connection) -> int:
    """List what is frozen, since when, by whom and why; and the windows in which policies freeze a service."""
    now = connection.context.clock.now()
    found = [_facts(each, now) for each in connection.context.freezes.standing()]
    windows = [
        {
            "cluster": str(cluster),
            "window": text,
            "frozen_now": blocking((), (text,), cluster, now) is not None,
        }
        for cluster in resolve.known_clusters(connection)
        for text in _windows(connection, cluster)
    ]
    printer.facts({"freezes": found, "windows": windows})
    printer.table(
        ("scope", "since (utc)", "until", "by", "why"),
        [_row(each, now) for each in connection.context.freezes.standing()],
    )
    if not found:
        printer.line("no freeze stands")
    if windows:
        printer.line("")
        rows = [
            [str(each["cluster"]), str(each["window"]), "frozen" if each["frozen_now"] else "-"]
            for each in windows
        ]
        printer.table(("cluster", "window of its policy", "now"), rows)
    return 0


def _windows(connection: Connection, cluster: Cluster) -> tuple[str, ...]:
    """Return the windows in which the policy of the last deployment freezes the cluster."""
    last = view_cluster(connection.context, cluster).last
    return last.policy.frozen if last else ()


def _facts(each: Freeze, now: datetime) -> dict[str, Any]:
    return {
        "scope": each.scope,
        "by": each.by,
        "why": each.why,
        "at": each.at.isoformat(),
        "until": each.until.isoformat() if each.until else None,
        "over": not each.stands(now),
    }


def _row(each: Freeze, now: datetime) -> list[str]:
    until = ahead(each.until, now) if each.until else "it is lifted"
    return [named(each.scope), moment(each.at), until, one_line(each.by, 40), one_line(each.why, 400)]


def _covered(connection: Connection, wanted: Freeze) -> list[Cluster]:
    """The clusters that it concerns; raises Unknown for a service that has none there: it would freeze nothing."""
    every = resolve.known_clusters(connection)
    found = [cluster for cluster in every if wanted.covers(cluster)]
    if not found and "/" in wanted.scope:
        known = ", ".join(map(str, every)) or "none"
        raise Unknown("cluster", wanted.scope, f"known: {known}")
    return found


def _listed(clusters: Sequence[Cluster]) -> str:
    return ", ".join(map(str, clusters)) or "no cluster stands there yet"


def _tell_standing(printer: Printer, connection: Connection, scope: str) -> None:
    for each in connection.context.freezes.standing():
        if each.scope == scope:
            until = minute(each.until) if each.until else "it is lifted"
            printer.line(
                f"standing: since {minute(each.at)} by {each.by}: {one_line(each.why, 400)}; until {until}"
            )


def _tell_running(printer: Printer, connection: Connection, clusters: Sequence[Cluster]) -> None:
    for cluster in clusters:
        lease = connection.context.leases.current(cluster)
        if lease.deployment:
            stop = connection.command(f"pause {lease.deployment} --why '...'")
            printer.line(f"goes on: {lease.deployment}; stop it before its next host: {stop}", "yellow")


def _still(connection: Connection, lifted: Freeze) -> list[str]:
    """Why clusters are frozen still, by another freeze or a policy's window."""
    now, standing = connection.context.clock.now(), connection.context.freezes.standing()
    clusters = [cluster for cluster in resolve.known_clusters(connection) if lifted.covers(cluster)]
    found = {each: blocking(standing, _windows(connection, each), each, now) for each in clusters}
    return [f"{cluster}: {why}" for cluster, why in found.items() if why]
