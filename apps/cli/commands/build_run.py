"""`lifecycle build --again` and `lifecycle build --head`: start the run of a push without a push."""

from dataclasses import replace
from pathlib import PurePosixPath

from apps.cli import resolve
from apps.cli.known_names import known_services
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection, Run
from apps.cli.repository_head import read_head
from lifecycle.application.delivery.receive_push import Outcome, Push, start_head
from lifecycle.domain.delivery.clone_url import clone_url
from lifecycle.domain.delivery.delivery_name import DeliveryName, next_delivery_name
from lifecycle.domain.delivery.removal import former_owner
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import service_name


def build_again(printer: Printer, connection: Connection, text: str) -> int:
    """Start a run with the input of an earlier one, under the next free number."""
    earlier, moved_on = _run_to_repeat(connection, text)
    name = next_delivery_name(earlier.name)
    # A new version has the time of its own build, and is no snapshot of an earlier one.
    left_out = ("pushed", "service", "version", "head_read", "read_seconds")
    given = {field: value for field, value in earlier.input.items() if field not in left_out}
    # A service that was built once is unchanged, so its build is only repeated in a run of that service alone.
    if folder := earlier.output.get("folder"):
        given["folder"] = folder
    # This person wants a build although the head commit asked for none, a later push superseded it, or its snapshot
    # was refused.
    if "nothing" in earlier.output or moved_on or earlier.error == "SnapshotRefused":
        given["again"] = True
    while not connection.context.executions.start_delivery(name, given):
        name = next_delivery_name(name)
    printer.facts({"run": name, "again": earlier.name, "input": given})
    if moved_on:
        printer.line(f"{moved_on}, so an automatic staging does not deploy this build")
    return _started(printer, connection, name)


def _run_to_repeat(connection: Connection, text: str) -> tuple[Run, str]:
    """Return the run, and why staging wants another commit; of a repository, the run that staging wants."""
    found = resolve.run_named(connection, text)
    name, given = DeliveryName.parse(found.name), found.input
    if name is None or not (given.get("repository") and given.get("branch")):
        return found, ""
    branch = connection.catalogue.branch(str(given["repository"]), str(given["branch"]))
    folder = str(found.output.get("folder") or given.get("folder") or "")
    wanted = branch.wanted(name.service, folder)
    if wanted in ("", name.commit) or resolve.is_run(text) or name.commit.startswith(text):
        return found, branch.superseded(name.commit, name.service, folder)
    for run in connection.runs.deliveries(running=False):
        other = DeliveryName.parse(run.name)
        if other and (other.repository, other.commit) == (name.repository, wanted):
            return connection.runs.delivery(run.name) or found, ""
    how = connection.command(f"build --head {text}")
    raise Refused(f"the build of {text}", [f"its branch is at {wanted}, which has no run yet: start it with `{how}`"])


def build_head(printer: Printer, connection: Connection, text: str) -> int:
    """Start the run of the commit that the default branch is at, unless it has one that runs."""
    repository, name = _repository(connection, text)
    before = connection.context.clock.now()  # a push that comes during the reading is later
    head = read_head(repository)
    # Its start takes a moment, too.
    seconds = int((connection.context.clock.now() - before).total_seconds()) + 2
    push = Push(repository, name, head.commit, head.branch, connection.by, "")
    push = replace(push, head_read=before.isoformat(), read_seconds=seconds)
    run, outcome = start_head(push, connection.context.executions, connection.catalogue)
    printer.facts({"run": run, "started": outcome in (Outcome.STARTED, Outcome.RETURNED), "commit": head.commit})
    printer.line(f"{head.branch} is at {head.commit[:7]}")
    if outcome is Outcome.LIMIT:
        how = connection.command(f"build --again {run}")
        raise Refused(f"the run of {head.commit}", [f"all its runs failed; repeat the last one with `{how}`"])
    if outcome is Outcome.KNOWN:
        printer.line(f"it has a run already: {run}")
        return 0
    return _started(printer, connection, run)


def _repository(connection: Connection, text: str) -> tuple[str, str]:
    """Return a repository's URL, and the name that its runs have; raises Unknown, InvalidValue."""
    if "/" in text:
        return clone_url(text), PurePosixPath(text).name.removesuffix(".git")
    try:
        given = resolve.run_named(connection, text).input
    except Unknown:
        given = {}
    if given.get("repository"):
        return str(given["repository"]), str(given["name"])
    if not (owner := connection.catalogue.owner(service_name(text))):
        how = connection.command("build --head URL")
        hint = f"No repository owns it: name its URL with `{how}`."
        raise Unknown("service", text, hint, known=known_services(connection))
    repository = former_owner(owner)
    return repository, PurePosixPath(repository).name.removesuffix(".git")


def _started(printer: Printer, connection: Connection, name: str) -> int:
    printer.line(f"started: {name}")
    printer.line(f"next: {connection.command(f'watch --run {name}')}")
    return 0
