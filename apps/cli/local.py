"""`lifecycle local`: the environment on this machine. The work is done in apps/local.

Added to the CLI by apps/cli/main.py; `python -m apps.cli.local` runs it alone, as the Makefile does.
"""

import json
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from apps.local import environment, status
from apps.local.console import location as page
from apps.local.errors import LaptopError
from apps.local.paths import Layout
from apps.local.ports import VARIABLE, Ports
from apps.local.progress import Progress
from apps.local.services import clusters, hosts
from lifecycle.domain.errors import LifecycleError

app = typer.Typer(
    help="The environment on this machine: AWS, load balancer, builds and hosts.", no_args_is_help=True
)
_console = Console(highlight=False)
if not _console.is_terminal:
    _console.width = 160

AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]


@app.command()
def up(
    ports: Annotated[
        str,
        typer.Option(envvar=VARIABLE, help="Other ports, such as emulator=5566,production=9090."),
    ] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Start the environment, or what is missing of it, and deploy what changed."""
    with _errors():
        chosen = Ports.parse(ports) if ports else None
        found = environment.up(Layout.find(), Progress(quiet=as_json), chosen)
    if as_json:
        print(json.dumps(found, indent=2))


@app.command()
def down() -> None:
    """End everything that `up` and `add` started, the hosts' services included."""
    with _errors():
        environment.down(Layout.find(), Progress())


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A folder with a lifecycle.toml.")],
    host_count: Annotated[int, typer.Option("--hosts", min=1, max=50, help="How many in production.")] = 4,
    staging_hosts: Annotated[int, typer.Option(min=1, max=50, help="How many in staging.")] = 1,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a service a Git repository to push to, a staging and a production cluster, and hosts."""
    with _errors():
        sizes = {"production": host_count, "staging": staging_hosts}
        added = clusters.add_service(Layout.find(), path, Progress(quiet=as_json), sizes)
    if as_json:
        print(json.dumps(asdict(added), indent=2, default=str))
    else:
        print(f"Push from there: git -C {added.working_copy} push lifecycle HEAD")


@app.command("status")
def show_status(*, as_json: AsJson = False) -> None:
    """What runs: every part, its process, address and memory."""
    found = status.rows(Layout.find())
    total = status.totals(found)
    if as_json:
        print(json.dumps({"parts": [asdict(row) for row in found], "total": total}, indent=2))
        return
    if not found:
        print("Nothing runs; start it with `lifecycle local up` or `make run`.")
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
    """The clusters on this machine: their addresses and hosts."""
    found = hosts.clusters(Layout.find())
    if as_json:
        print(json.dumps({name: asdict(cluster) for name, cluster in found.items()}, indent=2))
        return
    table = Table("cluster", "address", "host", "its address", "zone", box=None)
    for cluster in found.values():
        for host in cluster.hosts:
            table.add_row(cluster.name, cluster.address, host.name, f"{host.address}:{host.port}", host.zone)
    _console.print(table)


@app.command("console")
def show_console(
    *,
    opened: Annotated[bool, typer.Option("--open", help="Open it in the browser too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Where the console's page is; where it has died it is served here, until Ctrl-C."""
    with _errors():
        found = page.find(Layout.find())
    print(json.dumps(asdict(found)) if as_json else found.url, flush=True)
    if opened:
        webbrowser.open(found.url)
    if not found.up:
        raise typer.Exit(page.serve_here(found))


@app.command()
def logs(
    part: Annotated[str, typer.Argument(help="A part that `status` lists; all of them when left out.")] = "",
    lines: Annotated[int, typer.Option("-n", min=1, help="How many lines of each.")] = 20,
    *,
    follow: Annotated[bool, typer.Option("-f", help="Go on as it is written.")] = False,
) -> None:
    """The end of a part's log."""
    with _errors():
        paths = [str(path) for path in _logs(Layout.find(), part)]
    try:
        command = ["tail", "-n", str(lines), *(["-F"] if follow else []), *paths]
        raise typer.Exit(subprocess.run(command, check=False).returncode)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _logs(layout: Layout, part: str) -> list[Path]:
    found = {path.stem: path for path in sorted(layout.logs.glob("*.log"))}
    found |= {f"service-{path.parents[1].name}": path for path in layout.hosts.glob("*/logs/service.log")}
    if (envoy := layout.dispatcher / "envoy.log").exists():
        found["envoy"] = envoy
    if part and part not in found:
        raise LaptopError(
            f"there is no log of {part!r}; expected one of {', '.join(sorted(found)) or 'none yet'}"
        )
    if not found:
        raise LaptopError("there are no logs yet; start the environment with `lifecycle local up`")
    return [found[part]] if part else list(found.values())


@contextmanager
def _errors() -> Iterator[None]:
    """Errors that are the user's to know: one line on standard error, exit code 1, no traceback."""
    try:
        yield
    except LifecycleError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app()
