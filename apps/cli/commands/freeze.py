"""`lifecycle freeze`, `unfreeze` and `freezes`: where no new version may be deployed now.

A freeze stops no rollback, no repair and nothing that runs already; `deploy --despite-freeze` goes on in spite of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import Yes, connected
from apps.cli.freeze_scope import end_of, lift_line, scope_of
from apps.cli.options import Why
from apps.cli.output.printer import Page
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
    page: Page,
    here: Connection,
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
    now, wanted = here.context.clock.now(), scope_of(scope)
    end = end_of(until, lasts, now)
    clusters = _covered(here, Freeze(wanted, here.by, why, now))
    ends = f"until {ahead(end, now)}" if end else "until somebody lifts it"
    page.say(f"freeze {named(wanted)} {ends}: {_listed(clusters)}", "bold")
    _tell_standing(page, here, wanted)
    _tell_running(page, here, clusters)
    if not yes and not page.confirm(f"Freeze {named(wanted)}?"):
        page.say("nothing was frozen")
        return 1
    given = {"scope": wanted, "by": here.by, "why": why, "until": end.isoformat() if end else None}
    done = here.functions.call("freeze", given)
    page.facts({**given, **done})
    page.say(f"frozen: {named(wanted)}, by {here.by}, {ends}", "bold green")
    page.say(f"lift it: {here.command(lift_line(wanted))}")
    return 0


@connected("unfreeze production --why 'the database is moved'", "unfreeze everything --why 'all clear' --yes")
def unfreeze(page: Page, here: Connection, scope: Scope, why: Why, *, yes: Yes = False) -> int:
    """Lift the freeze of exactly this scope; another one may still cover the same services."""
    wanted = scope_of(scope)
    standing = {each.scope: each for each in here.context.freezes.standing()}
    if wanted not in standing:
        there = ", ".join(named(each) for each in standing) or "nothing"
        raise Unknown("freeze", f"of {named(wanted)}", f"frozen is: {there}")
    _tell_standing(page, here, wanted)
    if not yes and not page.confirm(f"Lift the freeze of {named(wanted)}?"):
        page.say("nothing was lifted")
        return 1
    made = standing[wanted].at.isoformat()
    given = {"scope": wanted, "by": here.by, "why": why, "lift": True, "made": made}
    done = here.functions.call("freeze", given)
    left = _still(here, standing[wanted])
    page.facts({**given, **done, "still_frozen": left})
    page.say(f"lifted: the freeze of {named(wanted)}, by {here.by}", "bold green")
    for each in left:
        page.say(f"still frozen: {each}", "yellow")
    return 0


@connected("freezes", "freezes --json")
def freezes(page: Page, here: Connection) -> int:
    """List what is frozen, since when, by whom and why; and the windows in which policies freeze a service."""
    now = here.context.clock.now()
    found = [_facts(each, now) for each in here.context.freezes.standing()]
    windows = [
        {
            "cluster": str(cluster),
            "window": text,
            "frozen_now": blocking((), (text,), cluster, now) is not None,
        }
        for cluster in resolve.known_clusters(here)
        for text in _windows(here, cluster)
    ]
    page.facts({"freezes": found, "windows": windows})
    page.table(
        ("scope", "since (utc)", "until", "by", "why"),
        [_row(each, now) for each in here.context.freezes.standing()],
    )
    if not found:
        page.say("no freeze stands")
    if windows:
        page.say("")
        rows = [
            [str(each["cluster"]), str(each["window"]), "frozen" if each["frozen_now"] else "-"]
            for each in windows
        ]
        page.table(("cluster", "window of its policy", "now"), rows)
    return 0


def _windows(here: Connection, cluster: Cluster) -> tuple[str, ...]:
    """Return the windows in which the policy of the last deployment freezes the cluster."""
    last = view_cluster(here.context, cluster).last
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


def _covered(here: Connection, wanted: Freeze) -> list[Cluster]:
    """The clusters that it concerns; raises Unknown for a service that has none there: it would freeze nothing."""
    every = resolve.known_clusters(here)
    found = [cluster for cluster in every if wanted.covers(cluster)]
    if not found and "/" in wanted.scope:
        known = ", ".join(map(str, every)) or "none"
        raise Unknown("cluster", wanted.scope, f"known: {known}")
    return found


def _listed(clusters: Sequence[Cluster]) -> str:
    return ", ".join(map(str, clusters)) or "no cluster stands there yet"


def _tell_standing(page: Page, here: Connection, scope: str) -> None:
    for each in here.context.freezes.standing():
        if each.scope == scope:
            until = minute(each.until) if each.until else "it is lifted"
            page.say(
                f"standing: since {minute(each.at)} by {each.by}: {one_line(each.why, 400)}; until {until}"
            )


def _tell_running(page: Page, here: Connection, clusters: Sequence[Cluster]) -> None:
    for cluster in clusters:
        lease = here.context.leases.current(cluster)
        if lease.deployment:
            stop = here.command(f"pause {lease.deployment} --why '...'")
            page.say(f"goes on: {lease.deployment}; stop it before its next host: {stop}", "yellow")


def _still(here: Connection, lifted: Freeze) -> list[str]:
    """Why clusters are frozen still, by another freeze or a policy's window."""
    now, standing = here.context.clock.now(), here.context.freezes.standing()
    clusters = [cluster for cluster in resolve.known_clusters(here) if lifted.covers(cluster)]
    found = {each: blocking(standing, _windows(here, each), each, now) for each in clusters}
    return [f"{cluster}: {why}" for cluster, why in found.items() if why]
