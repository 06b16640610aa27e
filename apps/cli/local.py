"""`lifecycle local`: the environment on this machine, by the functions of apps/local.

Added to the CLI by apps/cli/main.py; `python -m apps.cli.local` runs it alone, as the Makefile does.
"""

import json
import os
import shlex
import subprocess
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from apps.cli.help import CommandGroup
from apps.cli.output.printer import Printer
from apps.cli.output.screen import unread
from apps.cli.output.text import clean
from apps.local import environment, status
from apps.local.console import location
from apps.local.errors import LaptopError
from apps.local.git.missed_pushes import start_missed
from apps.local.own_files import read_environment
from apps.local.paths import Layout
from apps.local.ports import VARIABLE, Ports
from apps.local.progress import Progress
from apps.local.services import clusters, hosts, removal
from lifecycle.ambient import inherited
from lifecycle.domain.errors import LifecycleError

app = typer.Typer(
    cls=CommandGroup,
    rich_markup_mode=None,
    help="Manage the environment on this machine: AWS emulator, load balancer, builds and hosts.",
    no_args_is_help=True,
)
_console = Console(highlight=False)
if not _console.is_terminal:
    _console.width = 160

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command()
def up(
    ports: Annotated[
        str,
        typer.Option(envvar=VARIABLE, help="Ports other than the default, such as emulator=5566,production=9090."),
    ] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Start the parts of the environment that do not run, and deploy the stacks that changed."""
    with _errors():
        chosen = Ports.parse(ports) if ports else None
        layout = Layout.find()
        found = environment.up(layout, Progress(quiet=as_json), chosen)
        missed = start_missed(layout, found)
    if as_json:
        print(json.dumps(found, indent=2))
    elif missed:
        print(clean("\n".join(missed)))


@app.command("rotate-keys")
def rotate_keys(*, as_json: AsJson = False) -> None:
    """Sign with new keys from now on, and trust those that signed so far too, but no older ones."""
    with _errors():
        found = environment.rotate_keys(Layout.find(), Progress(quiet=as_json))
    print(json.dumps(found, indent=2) if as_json else f"signing keys: {found['context']['signing_keys']}")


@app.command()
def down() -> None:
    """Stop everything that `up` and `add` started, including the services on the hosts."""
    with _errors():
        environment.down(Layout.find(), Progress())


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A folder with a lifecycle.toml, or a repository of several.")],
    host_count: Annotated[int, typer.Option("--hosts", min=1, max=50, help="Number of production hosts.")] = 4,
    staging_hosts: Annotated[int, typer.Option(min=1, max=50, help="Number of staging hosts.")] = 1,
    is_alive: Annotated[
        str | None, typer.Option(help="Path that the load balancer checks, in place of the declared one.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add a service: a Git repository to push to, a staging and a production cluster, and their hosts."""
    with _errors():
        sizes = {"production": host_count, "staging": staging_hosts}
        layout = Layout.find()
        before = hosts.services(layout)
        added = clusters.add_services(layout, path, Progress(quiet=as_json), sizes, is_alive)
        missed = start_missed(layout, read_environment(layout.environment), {each.service for each in added} - before)
    if as_json:
        shown = [asdict(each) for each in added]
        print(json.dumps(shown if len(shown) > 1 else shown[0], indent=2, default=str))
    else:
        print(clean("\n".join([*missed, *added_lines(added)])))


def added_lines(added: Sequence[clusters.Added]) -> list[str]:
    """Return what a person needs after `add`: the address of each cluster with a load balancer, and the push."""
    served = [each for service in added for each in service.clusters if each.http]
    return [
        *(f"{each.name} will be served at {each.address}" for each in served),
        f"next: git -C {shlex.quote(str(added[0].working_copy))} push lifecycle HEAD",
    ]


@app.command()
def remove(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="A service that `lifecycle local add` added.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a service from this machine: its clusters, hosts and repository; its releases and history stay."""
    question = f"Stop {service} on all its hosts here, and remove them?"
    if not yes and not Printer(as_json=as_json).confirm(question):
        print("not removed", file=sys.stderr)
        raise typer.Exit(1)
    with _errors():
        found = removal.remove_service(Layout.find(), service, Progress(quiet=as_json))
    if as_json:
        print(json.dumps(asdict(found), indent=2, default=str))
    elif found.moved_to:
        print(clean(f"its repository is now in {found.moved_to}"))
    if not as_json:
        print(clean(f"its name and versions stay: `lifecycle service remove {service}` frees the name"))


@app.command("status")
def show_status(*, as_json: AsJson = False) -> None:
    """Show every part of the environment: state, process, address and memory."""
    with _errors():
        found = status.rows(Layout.find())
    total = status.totals(found)
    if as_json:
        print(json.dumps({"parts": [asdict(row) for row in found], "total": total}, indent=2))
        return
    if not found:
        print("nothing runs; start the environment with `lifecycle local up` or `make run`")
        return
    table = Table("part", "state", "pid", "address", "processes", "MB (RSS)", "MB (PSS)", box=None)
    for row in found:
        memory = (f"{row.rss / 1e6:.0f}", f"{row.pss / 1e6:.0f}")
        table.add_row(row.part, row.state, str(row.pid or "-"), row.address, str(row.processes), *memory)
    table.add_row(
        "all", "", "", "", str(total["processes"]), f"{total['rss'] / 1e6:.0f}", f"{total['pss'] / 1e6:.0f}"
    )
    _console.print(table)


@app.command("hosts")
def show_hosts(*, as_json: AsJson = False) -> None:
    """Show the clusters on this machine with their addresses and hosts."""
    with _errors():
        found = hosts.clusters(Layout.find())
    if as_json:
        print(json.dumps({name: asdict(cluster) for name, cluster in found.items()}, indent=2))
        return
    table = Table("cluster", "address", "host", "host address", "zone", box=None)
    for cluster in found.values():
        for host in cluster.hosts:
            table.add_row(cluster.name, cluster.address or "-", host.name, host.place, host.zone)
    _console.print(table)


@app.command("console")
def show_console(
    *,
    opened: Annotated[bool, typer.Option("--open", help="Also open it in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the address of the console. If its server has died, serve it here until Ctrl-C."""
    with _errors():
        found = location.find(Layout.find())
    print(json.dumps(asdict(found)) if as_json else found.url, flush=True)
    if opened:
        webbrowser.open(found.url)
    if not found.up:
        raise typer.Exit(location.serve_here(found))


@app.command()
def logs(
    part: Annotated[
        str, typer.Argument(help="A part that `lifecycle local status` lists; all parts if left out.")
    ] = "",
    lines: Annotated[int, typer.Option("-n", min=1, help="Number of lines of each log.")] = 20,
    *,
    follow: Annotated[bool, typer.Option("-f", help="Follow the log until Ctrl-C.")] = False,
) -> None:
    """Show the end of a part's log."""
    with _errors():
        paths = [str(path) for path in _logs(Layout.find(), part)]
    try:
        command = ["tail", "-n", str(lines), *(["-F"] if follow else []), *paths]
        # What a service wrote is no command for this terminal.
        with subprocess.Popen(
            command, env=inherited(os.environ), stdout=subprocess.PIPE, encoding="utf-8", errors="replace"
        ) as tail:
            for line in tail.stdout or ():
                print(clean(line), end="", flush=True)
                if unread():
                    tail.terminate()
                    raise typer.Exit(0)
        raise typer.Exit(tail.returncode)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _logs(layout: Layout, part: str) -> list[Path]:
    found = {path.stem: path for path in sorted(layout.logs.glob("*.log"))}
    for path in sorted(layout.hosts.glob("*/logs/service*.log")):
        found[f"service-{path.parents[1].name}{path.stem.removeprefix('service')}"] = path
    if (envoy := layout.dispatcher / "envoy.log").exists():
        found["envoy"] = envoy
    if part and part not in found:
        raise LaptopError(f"log of {part!r} not found; known: {', '.join(sorted(found)) or 'none'}")
    if not found:
        raise LaptopError("no logs found; start the environment with `lifecycle local up`")
    return [found[part]] if part else list(found.values())


@contextmanager
def _errors() -> Iterator[None]:
    """Print an expected error as one line on standard error and exit with 1, without a traceback."""
    try:
        yield
    except LifecycleError as error:
        print(f"error: {clean(str(error))}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app()
