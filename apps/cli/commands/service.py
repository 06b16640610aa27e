"""`lifecycle validate` and `lifecycle build`: a service's own declaration and its build, before any push."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import offline, optionally_connected
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.delivery.delivery_name import next_delivery_name

Folder = Annotated[Path, typer.Argument(metavar="PATH", help="The service's folder, or its lifecycle.toml.")]


@offline("validate", "validate ../hello --json")
def validate(printer: Printer, path: Folder = Path()) -> int:
    """Check a lifecycle.toml: every problem with its line, its field and what was expected."""
    from lifecycle.servicefile import InvalidServiceFile, read_service_file  # noqa: PLC0415 (pydantic is slow)

    try:
        found = read_service_file(path)
    except InvalidServiceFile as error:
        problems = [
            {"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in error.problems
        ]
        printer.facts({"valid": False, "problems": problems})
        if not printer.as_json:
            print(error, file=sys.stderr)
            print(f"problems: {len(problems)}", file=sys.stderr)
        return 1
    printer.facts({"valid": True, "problems": [], "name": found.name, "version": found.version})
    printer.line(f"ok: {found.name} {found.version}")
    return 0


@optionally_connected("build", "build ../hello --into /tmp/hello", "build --again hello")
def build(
    printer: Printer,
    opened: Callable[[], Connection],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The service's folder.")] = Path(),
    into: Annotated[
        Path | None, typer.Option(help="Where artifact and manifest go; PATH/.lifecycle-build if not given.")
    ] = None,
    again: Annotated[
        str,
        typer.Option(metavar="RUN", help="Do a push's run again instead: its name, repository or commit."),
    ] = "",
) -> int:
    """Build, test and pack a service on this machine, as a push would, publishing nothing; or do a run again."""
    if again:
        return _again(printer, opened(), again)
    from lifecycle.servicefile import read_service_file  # noqa: PLC0415 (pydantic is slow)

    read_service_file(path)
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    target = (into or folder / ".lifecycle-build").resolve()
    command = [sys.executable, "-P", "-m", "apps.build", "--no-publish", "--dest", str(target)]
    # With --json standard output is for the facts: what the build prints goes to standard error.
    done = subprocess.run(command, cwd=folder, stdout=sys.stderr if printer.as_json else None, check=False)
    if done.returncode:
        return 1
    manifest = json.loads((target / "manifest.json").read_text())
    printer.facts({"artifact": str(target / "artifact.tar.gz"), "manifest": manifest})
    printer.line(f"built: {manifest['service']} {manifest['version']}, in {target}")
    return 0


def _again(printer: Printer, connection: Connection, text: str) -> int:
    """Start a run with the input of an earlier one; its name gets the next free number."""
    earlier = resolve.run_named(connection, text)
    name = next_delivery_name(earlier.name)
    while not connection.context.executions.start_delivery(name, earlier.input):
        name = next_delivery_name(name)
    printer.facts({"run": name, "again": earlier.name, "input": dict(earlier.input)})
    printer.line(f"started: {name}")
    printer.line(f"next: {connection.command(f'watch --run {name}')}")
    return 0
