"""`lifecycle config`: list, change, compare and date the environment variables of a cluster's hosts.

A change is written as the next revision, and no host gets it before a deployment takes it. Values are shown only with
`--show`. `history` needs no permission to decrypt.
"""

from functools import partial
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, connected
from apps.cli.config_input import assigned, from_file
from apps.cli.configuration import Edit, Values, Written, change, record_as_found
from apps.cli.errors import Ambiguous
from apps.cli.help import CommandGroup
from apps.cli.known_names import check_config
from apps.cli.options import AgainstEnvironment, Environment, InEnvironment, MaybeWhy, environment_flag
from apps.cli.output.layout import Cell
from apps.cli.output.printer import Printer
from apps.cli.output.text import moment, one_line
from apps.cli.output.unreadable import show_unreadable
from apps.cli.ports import Connection
from lifecycle import names
from lifecycle.application.readable import Rows
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.service.configuration import (
    STANDARD_BYTES,
    ConfigRevision,
    Configuration,
    SecretRef,
    Value,
    difference,
    unrecorded,
)

app = typer.Typer(
    cls=CommandGroup, help="List and change the environment variables of a cluster's hosts.", no_args_is_help=True
)

Show = Annotated[bool, typer.Option("--show", help="Show values too.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="The names to remove.")]
Assignments = Annotated[
    list[str],
    typer.Argument(metavar="NAME[=VALUE]...", help="Without =VALUE, the value is read from standard input."),
]
Secret = Annotated[
    str,
    typer.Option("--secret", metavar="SECRET[:KEY]", help="A secret of Secrets Manager instead of a value."),
]
Replace = Annotated[bool, typer.Option("--replace", help="Remove every name that the file does not have.")]
Revision = Annotated[int | None, typer.Argument(min=0, help="A revision; the newest if left out.")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="Number of revisions, newest first.")]

_PRODUCTION = Environment.PRODUCTION
_HIDDEN = "(hidden)"


@app.command("list")
@connected("config list hello", "config list hello -e staging --show")
def list_values(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    environment: InEnvironment = _PRODUCTION,
    *,
    show: Show = False,
) -> int:
    """List the names of the newest revision; their values are hidden."""
    cluster = resolve.existing_cluster(connection, service, environment)
    found = connection.config_store.read(cluster)
    late = record_as_found(connection, cluster, found)
    values = {name: _facts(found.values[name], show=show) for name in found.names}
    printer.facts({"cluster": str(cluster), "revision": found.revision, "values": values})
    if not found.revision:
        printer.line(f"{cluster} has no configuration; begin with: {_command(connection, 'set', cluster)} NAME=VALUE")
        return 0
    printer.line(f"revision {found.revision} of {cluster}: {len(found.names)} names")
    printer.table(("name", "value"), [[name, _cell(found.values[name], show=show)] for name in found.names])
    if late:
        printer.line(f"revision {found.revision} was written without `lifecycle config`; its names are recorded now")
    return 0


@app.command("set")
@connected(
    "config set hello LOG_LEVEL=debug",
    "config set hello DATABASE_URL",
    "config set hello DATABASE_PASSWORD --secret lifecycle/production/hello/database:password",
)
def set_values(  # the parameter names a secret  # nosec B107
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    assignments: Assignments,
    environment: InEnvironment = _PRODUCTION,
    secret: Secret = "",
    why: MaybeWhy = "",
) -> int:
    """Set one or more names; all others stay.

    A value in the command line is visible in your shell's history and in the list of processes. Give a NAME alone to
    type it unseen, or to pipe it in.
    """
    cluster = resolve.existing_cluster(connection, service, environment)
    new = assigned(assignments, secret)
    return _write(printer, connection, cluster, lambda values: {**values, **new}, why)


@app.command("unset")
@connected("config unset hello LOG_LEVEL")
def unset_values(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    unset: Names,
    environment: InEnvironment = _PRODUCTION,
    why: MaybeWhy = "",
) -> int:
    """Remove one or more names."""
    cluster = resolve.existing_cluster(connection, service, environment)
    present = connection.config_store.read(cluster).values
    if unknown := sorted(set(unset) - set(present)):
        raise Unknown("name", ", ".join(unknown), of=f"the configuration of {cluster}", known=sorted(present))

    def edit(values: Values) -> Values:
        return {name: value for name, value in values.items() if name not in unset}

    return _write(printer, connection, cluster, edit, why)


@app.command("import")
@connected("config import hello .env", "config import hello production.json --replace", "config import hello -")
def import_values(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    file: Annotated[str, typer.Argument(help="A .env file or a JSON object of names; - is standard input.")],
    environment: InEnvironment = _PRODUCTION,
    why: MaybeWhy = "",
    *,
    replace: Replace = False,
) -> int:
    """Set every name of a file; other names stay, unless --replace removes them."""
    cluster = resolve.existing_cluster(connection, service, environment)
    new = from_file(file)
    if replace:
        return _write(printer, connection, cluster, lambda _: new, why, whole=True)
    return _write(printer, connection, cluster, lambda values: {**values, **new}, why)


def _write(
    printer: Printer, connection: Connection, cluster: Cluster, edit: Edit, why: str, *, whole: bool = False
) -> int:
    written = change(connection, cluster, edit, why, whole=whole)
    about = {"cluster": str(cluster), "revision": written.revision, "changed": list(written.changed)}
    deploy = connection.command(f"deploy {cluster.service} --config{environment_flag(cluster)}")
    printer.facts({**about, "names": list(written.names), "next": deploy})
    if not written.changed:
        printer.line(f"nothing changed: revision {written.revision} of {cluster} has these values already")
        return 0
    printer.line(f"revision {written.revision} of {cluster}: {_in_words(written)}", "bold green")
    if written.size > STANDARD_BYTES:
        printer.line(f"{written.size} bytes: above {STANDARD_BYTES}, AWS charges for the parameter (advanced tier)")
    for note in _unread_secrets(cluster, edit({})):
        printer.line(note, "yellow")
    printer.line(f"nothing changes until: {deploy}")
    return 0


def _in_words(written: Written) -> str:
    put = [name for name in written.changed if name in written.names]
    removed = [name for name in written.changed if name not in written.names]
    parts = (f"set {', '.join(put)}" if put else "", f"removed {', '.join(removed)}" if removed else "")
    return "; ".join(filter(None, parts))


def _unread_secrets(cluster: Cluster, values: Values) -> list[str]:
    """Return a note for each new secret that the host role does not let the hosts read."""
    prefix = names.secret_prefix(cluster.environment, cluster.service)
    role = f"{names.host_role(cluster.environment, cluster.service)}-<region>"
    return [
        f"{name}: the hosts may read secrets named {prefix}*; for this one, add a statement to the role {role}"
        for name, value in sorted(values.items())
        if isinstance(value, SecretRef) and not value.secret.rpartition(":secret:")[2].startswith(prefix)
    ]


@app.command("diff")
@connected("config diff hello", "config diff hello 3 5 --show", "config diff hello --against staging")
def diff_values(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    old: Revision = None,
    new: Revision = None,
    environment: InEnvironment = _PRODUCTION,
    against: AgainstEnvironment = None,
    *,
    show: Show = False,
) -> int:
    """Compare two revisions by their names, by default the newest with the one before; or two environments."""
    cluster = resolve.existing_cluster(connection, service, environment)
    for revision in filter(None, (old, new)):
        check_config(connection, cluster, f"config-{revision}")
    read = partial(connection.config_store.read, cluster)
    if against is not None:
        if old is not None or against is environment:
            raise Ambiguous("--against compares the newest revisions of two environments: give no revision")
        other = resolve.existing_cluster(connection, service, against)
        left, right, titles = connection.config_store.read(other), read(), (against.value, environment.value)
    else:
        right = read(new)
        left = read(max(right.revision - 1, 0) if old is None else old)
        titles = (f"revision {left.revision}", f"revision {right.revision}")
    _show_difference(printer, left, right, titles, show=show)
    return 0


def _show_difference(
    printer: Printer, left: Configuration, right: Configuration, titles: tuple[str, str], *, show: bool
) -> None:
    changed = difference(left.values, right.values)
    rows = [(name, left.values.get(name), right.values.get(name)) for name in changed]
    facts = [{"name": name, "old": _facts(old, show=show), "new": _facts(new, show=show)} for name, old, new in rows]
    printer.facts({"old": left.revision, "new": right.revision, "differences": facts})
    cells: list[list[Cell]] = [[name, _cell(old, show=show), _cell(new, show=show)] for name, old, new in rows]
    printer.table(("name", *titles), cells)
    if not changed:
        printer.line(f"{titles[0]} and {titles[1]} are the same")


@app.command("history")
@connected("config history hello", "config history hello -e staging --limit 5")
def show_history(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    environment: InEnvironment = _PRODUCTION,
    limit: Limit = 20,
) -> int:
    """List the revisions, newest first: when, who, the names that changed, and the deployment that took each."""
    cluster, context, rows = resolve.existing_cluster(connection, service, environment), connection.context, Rows()
    newest = context.configurations.newest(cluster)
    every = rows.read(partial(context.configurations.recorded, cluster), ())
    written = [each for each in every if each.revision <= newest][:limit]
    taken = _taken(rows.read(partial(context.deployments.recent_without_hosts, cluster, 100), ()))
    lost = unrecorded(every, newest - 1, newest)
    facts = [_revision_facts(each, taken) for each in written]
    about = {"cluster": str(cluster), "revision": newest, "unrecorded": list(lost), "unreadable": list(rows.all())}
    printer.facts({**about, "revisions": facts})
    columns = ("revision", "written (utc)", "by", "changed", "deployed by", "why")
    printer.table(columns, [_row(each, taken) for each in written])
    show_unreadable(printer, rows.all())
    if lost:
        listing = _command(connection, "list", cluster)
        printer.line(f"revision {newest} is not recorded; this records it: {listing}", "yellow")
    if not newest:
        printer.line(f"{cluster} has no configuration")
    return 0


def _taken(newest_first: Any) -> dict[int, str]:
    """Return each revision with the newest deployment whose target has it."""
    found: dict[int, str] = {}
    for each in newest_first:
        found.setdefault(_config_of(each), each.id)
    return found


def _config_of(deployment: Deployment) -> int:
    """Return the revision of a deployment's target; records of an older Lifecycle have none."""
    return int(getattr(deployment.target, "config", 0))


def _row(each: ConfigRevision, taken: dict[int, str]) -> list[Cell]:
    changed, deployed = ", ".join(each.changed) or "-", taken.get(each.revision, "-")
    why = one_line(each.why, 200) or "-"
    return [str(each.revision), moment(each.at), one_line(each.by, 40), changed, deployed, why]


def _revision_facts(each: ConfigRevision, taken: dict[int, str]) -> dict[str, Any]:
    return {
        "revision": each.revision,
        "at": each.at.isoformat(),
        "by": each.by,
        "why": each.why,
        "changed": list(each.changed),
        "names": list(each.names),
        "deployment": taken.get(each.revision, ""),
    }


def _facts(value: Value | None, *, show: bool) -> dict[str, str] | None:
    """Return a value as facts: the text of a plain one only if it is to be shown."""
    if value is None:
        return None
    if isinstance(value, SecretRef):
        return {"kind": "secret", "secret": value.secret, "key": value.key}
    return {"kind": "text", **({"value": value} if show else {})}


def _cell(value: Value | None, *, show: bool) -> str:
    if value is None:
        return "-"
    if isinstance(value, SecretRef):
        return f"secret {value}"
    return value if show else _HIDDEN


def _command(connection: Connection, name: str, cluster: Cluster) -> str:
    return connection.command(f"config {name} {cluster.service}{environment_flag(cluster)}")
