"""`lifecycle validate` and `lifecycle build`: check and build a service before any push, or a push once more."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import offline, optionally_connected
from apps.cli.commands.build_run import build_again, build_head
from apps.cli.output.printer import Printer
from apps.cli.output.text import moment
from apps.cli.ports import Connection
from apps.cli.watch.build_log import FollowedLog
from apps.local.paths import PYTHONPATH
from lifecycle.ambient import without_python
from lifecycle.domain.errors import Refused
from lifecycle.domain.foreign_json import parse_object
from lifecycle.domain.service.cron import next_due

Folder = Annotated[Path, typer.Argument(metavar="PATH", help="The folder of the service, or its lifecycle.toml.")]


@offline("validate", "validate ../hello --json")
def validate(printer: Printer, path: Folder = Path()) -> int:
    """Check a lifecycle.toml, or those of all services of a repository, and list every problem with its line."""
    from apps.cli.service_files import read_files  # noqa: PLC0415 (pydantic is slow)
    from lifecycle.servicefile import InvalidServiceFile  # noqa: PLC0415
    from lifecycle.servicefile.lost_failures import warnings as warnings_of  # noqa: PLC0415

    try:
        found = read_files(path)
    except InvalidServiceFile as error:
        problems = [{"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in error.problems]
        printer.facts({"valid": False, "problems": problems})
        if not printer.as_json:
            print(error, file=sys.stderr)
            print(f"problems: {len(problems)}", file=sys.stderr)
        return 1
    warnings = [
        f"{each.folder}: {text}" if found.several else text
        for each in found.services
        for text in warnings_of(each.file.build)
    ]
    first = found.services[0]
    services = [{"folder": each.folder, "name": each.name, "version": each.file.version} for each in found.services]
    more = {"services": services} if found.several else {"name": first.name, "version": first.file.version}
    printer.facts({"valid": True, "problems": [], "warnings": warnings, **more})
    for each in found.services:
        where = f" in {each.folder}" if found.several else ""
        printer.line(f"ok: {each.name} {each.file.version}{where}")
        for name, schedule in each.file.schedules.items():
            times = ", ".join(moment(due) for due in next_due(schedule.cron, datetime.now(UTC), 3))
            printer.line(f"  {name}: next {times} UTC")
    for text in warnings:
        printer.line(f"warning: {text}", "yellow")
    for folder in found.inner:
        printer.line(f"no service of its own: {folder}/lifecycle.toml, because it is in the folder of a service")
    return 0


@optionally_connected(
    *("build", "build ../hello --into /tmp/hello", "build --again hello", "build --head hello", "build --log hello")
)
def build(
    printer: Printer,
    connect: Callable[[], Connection],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of the service.")] = Path(),
    into: Annotated[
        Path | None, typer.Option(help="The folder for artifact and manifest. Default: PATH/.lifecycle-build.")
    ] = None,
    again: Annotated[
        str,
        typer.Option(
            metavar="RUN", help="Repeat the build of a push instead: the name, repository or commit of its run."
        ),
    ] = "",
    head: Annotated[
        str,
        typer.Option(
            "--head",
            "--push",
            metavar="SERVICE|URL",
            help="Start the run of a push that started none: of the commit that the default branch is at.",
        ),
    ] = "",
    log: Annotated[
        str, typer.Option(metavar="RUN", help="Show the log of a push's build instead; RUN as for --again.")
    ] = "",
) -> int:
    """Build, test and pack a service here without publishing it; start the run of a push, or show its log."""
    if sum(map(bool, (again, head, log))) > 1:
        raise Refused("the build", ["expected one of --again, --head and --log, found more"])
    if again:
        return build_again(printer, connect(), again)
    if head:
        return build_head(printer, connect(), head)
    if log:
        connection = connect()
        FollowedLog(printer, connection, resolve.run_named(connection, log).name).show_all()
        return 0
    from apps.cli.service_files import read_one  # noqa: PLC0415 (pydantic is slow)

    read_one(path)
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    target = (into or folder / ".lifecycle-build").resolve()
    command = [sys.executable, "-P", "-m", "apps.build", "--no-publish", "--dest", str(target)]
    # With --json standard output is for the result, so the log of the build goes to standard error.
    finished = subprocess.run(
        command,
        cwd=folder,
        env={**without_python(os.environ), "PYTHONPATH": PYTHONPATH},
        stdout=sys.stderr if printer.as_json else None,
        check=False,
    )
    if finished.returncode:
        return 1
    manifest = parse_object((target / "manifest.json").read_text())
    printer.facts({"artifact": str(target / "artifact.tar.gz"), "manifest": manifest})
    printer.line(f"built: {manifest['service']} {manifest['version']} in {target}")
    return 0
