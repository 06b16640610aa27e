"""Where this environment's console is, and serving it from a terminal: for `lifecycle local console`."""

from dataclasses import dataclass

from apps.local.aws.endpoints import operator
from apps.local.errors import NotRunning
from apps.local.paths import Layout, read_json
from apps.local.ports import LOOPBACK, Ports, listens


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The page's URL, whether it answers there, and the emulator that it asks."""

    url: str
    up: bool
    emulator: str


def find(layout: Layout) -> Whereabouts:
    """Raises NotRunning where there is no environment."""
    if (known := read_json(layout.environment, None)) is None:
        raise NotRunning
    port = Ports(**known["ports"]).console
    return Whereabouts(f"http://{LOOPBACK}:{port}/", listens(LOOPBACK, port), known["endpoint"])


def serve_here(found: Whereabouts) -> int:
    """Serve until Ctrl-C; 1 when it cannot, with the reason."""
    from apps.local.console.__main__ import serve  # noqa: PLC0415 - only where the page is served

    return serve(found.url.removeprefix("http://").rstrip("/"), found.emulator, operator())
