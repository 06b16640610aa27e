"""`lifecycle policy`: the floors below which no policy of an environment or a cluster goes.

A service's policy comes from its repository; an administrator sets a floor outside of it. The stricter of both
applies (docs/operating.md, "Policy floors").
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import Yes, connected
from apps.cli.errors import Ambiguous
from apps.cli.help import CommandGroup
from apps.cli.options import Environment, Why
from apps.cli.output.layout import Cell
from apps.cli.output.printer import Printer
from apps.cli.output.text import moment, one_line
from apps.cli.output.unreadable import show_unreadable
from apps.cli.ports import Connection
from lifecycle.application.readable import Rows, readable
from lifecycle.application.rollout.policy_floors import read_floors
from lifecycle.domain.errors import InvalidName, InvalidValue, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.rollout.policy_floor import (
    SETTINGS,
    PolicyFloor,
    check_floor_scope,
    in_words,
    owner,
    parsed,
    under,
)
from lifecycle.domain.service.policy import Policy

app = typer.Typer(cls=CommandGroup, help="Show and set the minimum for deployment policies.", no_args_is_help=True)

Scope = Annotated[
    str, typer.Argument(metavar="SCOPE", help="production, staging, or a cluster such as production/hello.")
]
MaybeScope = Annotated[str, typer.Argument(metavar="[SCOPE]", help="The same; every floor if left out.")]
Settings = Annotated[
    list[str],
    typer.Argument(metavar="SETTING=VALUE...", help=f"{', '.join(SETTINGS)}; frozen may be given several times."),
]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[SETTING...]", help="The settings to unset; all if none is given.")
]


@app.command("show")
@connected("policy show", "policy show production/hello", "policy show production --json")
def show(printer: Printer, connection: Connection, scope: MaybeScope = "") -> int:
    """Show the floors, or the policy that applies to a cluster and whose each setting is."""
    if "/" in scope:
        return _show_cluster(printer, connection, Cluster.parse(_scope(scope)))
    scopes = [_scope(scope)] if scope else [*ENVIRONMENTS, *map(str, resolve.known_clusters(connection))]
    rows = Rows()
    read = connection.context.registry.floor
    found = [floor for each in scopes if (floor := rows.read(partial(read, each), None))]
    printer.facts({"floors": [_facts(each) for each in found], "unreadable": list(rows.all())})
    cells: list[list[Cell]] = [
        [each.scope, _words(each.required), moment(each.at), one_line(each.by, 40), one_line(each.why, 400)]
        for each in found
    ]
    printer.table(("scope", "requires", "set (utc)", "by", "why"), cells)
    show_unreadable(printer, rows.all())
    if not found and not rows.all():
        printer.line(f"no policy floor{f' of {scope}' if scope else ''}")
    return 0


def _show_cluster(printer: Printer, connection: Connection, cluster: Cluster) -> int:
    cluster = resolve.existing_cluster(connection, cluster.service, Environment(cluster.environment))
    declared, version = _declared(connection, cluster)
    floors = read_floors(connection.context, cluster)
    applied = under(declared, floors.known)
    rows = [
        {
            "setting": each,
            "declared": _plain(getattr(declared, each)),
            "applies": _plain(getattr(applied, each)),
            "whose": owner(each, declared, floors.known) or "the service's own",
        }
        for each in SETTINGS
    ]
    about = {"cluster": str(cluster), "version": version, "floors": [_facts(each) for each in floors.known]}
    printer.facts({**about, "settings": rows, "unreadable": list(floors.unreadable)})
    source = f"the lifecycle.toml of {version}" if version else "no version is desired yet, so the defaults"
    printer.line(f"the policy of {cluster}: {source}, and the floors", "bold")
    cells: list[list[Cell]] = [
        [row["setting"], _cell(row["declared"]), _cell(row["applies"]), row["whose"]] for row in rows
    ]
    printer.table(("setting", "declared", "applies", "whose"), cells)
    show_unreadable(printer, floors.unreadable)
    return 0


def _declared(connection: Connection, cluster: Cluster) -> tuple[Policy, str]:
    """Return the policy that the desired version declares, and that version; the defaults where there is none."""
    desired, _ = readable(lambda: connection.context.registry.desired(cluster), None)
    if desired is None:
        return Policy(), ""
    try:
        manifest = connection.context.artifacts.manifest(cluster.service, desired.version)
    except (InvalidName, Unknown):
        return Policy(), ""
    return manifest.policy(cluster.environment), desired.version


@app.command("set")
@connected(
    "policy set production approval=before_first_host approval_by_another=true --why 'two people for production'",
    "policy set production/hello max_unavailable=1 'frozen=Fri 16:00 - Mon 08:00 Europe/Berlin' --why 'the shop'",
)
def set_settings(
    printer: Printer, connection: Connection, scope: Scope, settings: Settings, why: Why, *, yes: Yes = False
) -> int:
    """Set settings of a floor; its others stay. Running deployments are held to it before their next step."""
    wanted = _scope(scope)
    given = _parsed(settings)
    printer.line(f"the floor of {wanted} will require {_words({name: parsed(name, v) for name, v in given.items()})}")
    payload = {"scope": wanted, "settings": given, "by": connection.by, "why": why}
    return _call(printer, connection, payload, f"Set the policy floor of {wanted}?", yes=yes)


@app.command("unset")
@connected("policy unset production/hello --why 'the season is over'", "policy unset production frozen --why 'moved'")
def unset(
    printer: Printer, connection: Connection, scope: Scope, names: Names = None, *, why: Why, yes: Yes = False
) -> int:
    """Unset settings of a floor, or all of it. A deployment that runs keeps to what held when it began."""
    wanted = _scope(scope)
    for name in names or ():
        if name not in SETTINGS:
            raise Unknown("setting", name, of="policy floors", known=SETTINGS)
    _check_floor(connection, wanted)
    payload = {"scope": wanted, "names": names or [], "lift": True, "by": connection.by, "why": why}
    what = f"{', '.join(names)} of the policy floor" if names else "the policy floor"
    return _call(printer, connection, payload, f"Unset {what} of {wanted}?", yes=yes)


def _call(printer: Printer, connection: Connection, payload: dict[str, Any], question: str, *, yes: bool) -> int:
    if not yes and not printer.confirm(question):
        printer.line("nothing changed")
        return 1
    result = connection.functions.call("set_policy", payload)
    printer.facts({**payload, **result})
    printer.line(str(result["message"]), "bold green")
    printer.line(f"covers: {', '.join(result['clusters']) or 'no clusters yet'}")
    return 0


def _check_floor(connection: Connection, scope: str) -> None:
    """Raise Unknown for a scope without a floor; one that cannot be read counts as one."""
    rows, read = Rows(), connection.context.registry.floor
    scopes = dict.fromkeys([scope, *ENVIRONMENTS, *map(str, resolve.known_clusters(connection))])
    found = [each for each in scopes if rows.read(partial(read, each), None)]
    if scope not in found and not rows.all():
        raise Unknown("policy floor", scope, known=found)


def _scope(text: str) -> str:
    """Return the scope of a floor; raises Unknown."""
    try:
        return check_floor_scope(text)
    except InvalidValue as error:
        raise Unknown("scope", text, "Or name a cluster, such as production/hello.", known=ENVIRONMENTS) from error


def _parsed(typed: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each setting as they were typed; raises Ambiguous, InvalidValue."""
    found: dict[str, list[str]] = {}
    for each in typed:
        name, equals, value = each.partition("=")
        if not equals:
            raise Ambiguous(f"expected SETTING=VALUE, found {each!r}; the settings are {', '.join(SETTINGS)}")
        if name not in SETTINGS:
            raise Unknown("setting", name, of="policy floors", known=SETTINGS)
        found.setdefault(name, []).append(value)
    for name, values in found.items():
        _ = parsed(name, values)  # only to refuse it here
    return found


def _facts(floor: PolicyFloor) -> dict[str, Any]:
    required = {name: _plain(value) for name, value in floor.required.items()}
    return {"scope": floor.scope, **required, "by": floor.by, "why": floor.why, "at": floor.at.isoformat()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, str) else value


def _words(settings: dict[str, Any]) -> str:
    return "; ".join(f"{name} {in_words(value)}" for name, value in settings.items())


def _cell(value: Any) -> str:
    return in_words(tuple(value) if isinstance(value, list) else value) or "-"
