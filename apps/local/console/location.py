"""The address of the console, and a way to serve it from a terminal. Used by `lifecycle local console`."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.local.aws import root_key
from apps.local.aws.endpoints import operator
from apps.local.errors import NotRunning
from apps.local.own_files import read_environment
from apps.local.paths import Layout
from apps.local.ports import LOOPBACK, Ports, listens


@dataclass(frozen=True, slots=True)
class ConsoleLocation:
    """The page's URL, True in `up` if it answers there, and the URL of its emulator with the root's key."""

    url: str
    up: bool
    emulator: str
    root: Mapping[str, str]


def find(layout: Layout) -> ConsoleLocation:
    """Return the console's location; raise NotRunning if the environment is not up."""
    if (known := read_environment(layout.environment)) is None:
        raise NotRunning
    port = Ports(**known["ports"]).console
    return ConsoleLocation(
        f"http://{LOOPBACK}:{port}/", listens(LOOPBACK, port), known["endpoint"], root_key.recorded(known)
    )


def serve_here(found: ConsoleLocation) -> int:
    """Serve until Ctrl-C; return 1, and print the reason, if it cannot start."""
    from apps.local.console.__main__ import serve  # noqa: PLC0415 - only where the page is served

    return serve(found.url.removeprefix("http://").rstrip("/"), found.emulator, found.root, operator())
