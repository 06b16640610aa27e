"""`lifecycle freeze`, `unfreeze` and `freezes`: block new deployments in a scope.

A freeze does not stop rollbacks, repairs and running deployments. `deploy --despite-freeze` overrides it.
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
from lifecycle.application.rollout.policy_floors import read_floors
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.freezes import Freeze, freeze_reason, scope_in_words
from lifecycle.domain.rollout.policy_floor import under
from lifecycle.domain.service.policy import Policy

Scope = Annotated[
    str,
    typer.Argument(metavar="SCOPE", help="everything, production, staging, or a cluster such as production/hello."),
]
Until = Annotated[
    str, typer.Option("--until", metavar="TIME", help="The end of the freeze in UTC, such as '2026-11-24 08:00'.")
]
For = Annotated[
    str, typer.Option("--for", metavar="DURATION", help="The length of the freeze, such as 30m, 2h or 3d.")
]


@connected(
    "freeze production --for 2h --why 'the database is being moved'",
    "freeze production/hello --until '2026-11-24 08:00' --why 'the shop is on television'",
    "freeze everything --why 'the cause of the outage is unknown' --yes",
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
    """Block new deployments in a scope until a time, or until the freeze is lifted.

    Rollbacks and repairs are still possible. Running deployments go on: pause them.
    """
    now, wanted = connection.context.clock.now(), parse_scope(scope)
    end = parse_end(until, lasts, now)
    clusters = _covered(connection, Freeze(wanted, connection.by, why, now))
    ends = f"until {ahead(end, now)}" if end else "until it is lifted"
    names = ", ".join(map(str, clusters)) or "no clusters yet"
    printer.line(f"freeze {scope_in_words(wanted)} {ends}: {names}", "bold")
    _show_present(printer, connection, wanted)
    _show_running(printer, connection, clusters)
    if not yes and not printer.confirm(f"Freeze {scope_in_words(wanted)}?"):
        printer.line("not frozen")
        return 1
    payload = {"scope": wanted, "by": connection.by, "why": why, "until": end.isoformat() if end else None}
    result = connection.functions.call("freeze", payload)
    printer.facts({**payload, **result})
    printer.line(f"frozen: {scope_in_words(wanted)}, by {connection.by}, {ends}", "bold green")
    printer.line(f"undo: {connection.command(unfreeze_command(wanted))}")
    return 0


@connected("unfreeze production --why 'the database is moved'", "unfreeze everything --why 'cause found' --yes")
def unfreeze(printer: Printer, connection: Connection, scope: Scope, why: Why, *, yes: Yes = False) -> int:
    """Lift the freeze of exactly this scope. Another freeze may still cover the same clusters."""
    wanted = parse_scope(scope)
    present = {each.scope: each for each in connection.context.freezes.all()}
    if wanted not in present:
        raise Unknown("freeze", scope_in_words(wanted), known=map(scope_in_words, present))
    _show_present(printer, connection, wanted)
    if not yes and not printer.confirm(f"Lift the freeze of {scope_in_words(wanted)}?"):
        printer.line("not lifted")
        return 1
    made = present[wanted].at.isoformat()
    payload = {"scope": wanted, "by": connection.by, "why": why, "lift": True, "made": made}
    result = connection.functions.call("freeze", payload)
    still_frozen = _still_frozen(connection, present[wanted])
    printer.facts({**payload, **result, "still_frozen": still_frozen})
    printer.line(f"lifted: the freeze of {scope_in_words(wanted)}, by {connection.by}", "bold green")
    for each in still_frozen:
        printer.line(f"still frozen: {each}", "yellow")
    return 0


@connected("freezes", "freezes --json")
def freezes(printer: Printer, connection: Connection) -> int:
    """List the freezes, and the windows in which a policy freezes its cluster."""
    now = connection.context.clock.now()
    found = [_facts(each, now) for each in connection.context.freezes.all()]
    windows = [
        {"cluster": str(cluster), "window": text, "frozen_now": freeze_reason((), (text,), cluster, now) is not None}
        for cluster in resolve.known_clusters(connection)
        for text in _windows(connection, cluster)
    ]
    printer.facts({"freezes": found, "windows": windows})
    printer.table(
        ("scope", "since (utc)", "until", "by", "why"), [_row(each, now) for each in connection.context.freezes.all()]
    )
    if not found:
        printer.line("no freezes")
    if windows:
        printer.line("")
        rows = [
            [str(each["cluster"]), str(each["window"]), "frozen" if each["frozen_now"] else "-"] for each in windows
        ]
        printer.table(("cluster", "window of the policy", "now"), rows)
    return 0


def _windows(connection: Connection, cluster: Cluster) -> tuple[str, ...]:
    """Return the windows in which the policy of the last deployment, or a floor of now, freezes the cluster."""
    last = view_cluster(connection.context, cluster).last
    declared = (last.declared or last.policy) if last else Policy()
    return under(declared, read_floors(connection.context, cluster).known).frozen


def _facts(each: Freeze, now: datetime) -> dict[str, Any]:
    return {
        "scope": each.scope,
        "by": each.by,
        "why": each.why,
        "at": each.at.isoformat(),
        "until": each.until.isoformat() if each.until else None,
        "over": not each.is_active(now),
    }


def _row(each: Freeze, now: datetime) -> list[str]:
    until = ahead(each.until, now) if each.until else "lifted"
    return [scope_in_words(each.scope), moment(each.at), until, one_line(each.by, 40), one_line(each.why, 400)]


def _covered(connection: Connection, wanted: Freeze) -> list[Cluster]:
    """Return the clusters that a freeze covers; raises Unknown for a cluster that does not exist."""
    every = resolve.known_clusters(connection)
    found = [cluster for cluster in every if wanted.covers(cluster)]
    if not found and "/" in wanted.scope:
        raise Unknown("cluster", wanted.scope, known=map(str, every))
    return found


def _show_present(printer: Printer, connection: Connection, scope: str) -> None:
    for each in connection.context.freezes.all():
        if each.scope == scope:
            until = minute(each.until) if each.until else "it is lifted"
            printer.line(
                f"present freeze: since {minute(each.at)} by {each.by}: {one_line(each.why, 400)}; until {until}"
            )


def _show_running(printer: Printer, connection: Connection, clusters: Sequence[Cluster]) -> None:
    for cluster in clusters:
        lease = connection.context.leases.current(cluster)
        if lease.deployment:
            pause = connection.command(f"pause {lease.deployment} --why '...'")
            printer.line(f"still running: {lease.deployment}; pause it: {pause}", "yellow")


def _still_frozen(connection: Connection, lifted: Freeze) -> list[str]:
    """Return the clusters that another freeze or a policy's window still freezes, each with the reason."""
    now, present = connection.context.clock.now(), connection.context.freezes.all()
    clusters = [cluster for cluster in resolve.known_clusters(connection) if lifted.covers(cluster)]
    found = {each: freeze_reason(present, _windows(connection, each), each, now) for each in clusters}
    return [f"{cluster}: {why}" for cluster, why in found.items() if why]
