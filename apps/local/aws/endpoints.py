"""What completes the emulator: ELBv2 with Envoy behind it, CodeBuild, and the console's page."""

import os
import sys

from apps.local.aws.assembly import CONTEXT
from apps.local.aws.emulator import clean_environment, endpoints, root_credentials, wait_for
from apps.local.paths import REPOSITORY, Layout
from apps.local.ports import LOOPBACK, Ports, listens
from apps.local.priority import GivesWay, wanted
from apps.local.processes import Part, start

BALANCER = "dispatcher"
BUILDER = "codebuild"
CONSOLE = "console"


def start_balancer(layout: Layout, ports: Ports) -> Part:
    """Start the dispatcher: it starts and ends Envoy itself."""
    layout.dispatcher.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "apps.local.dispatcher"),
        *("--listen", f"{LOOPBACK}:{ports.balancer}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *("--home", str(layout.dispatcher)),
        *("--nice", str(wanted())),
        *("--metrics-period", CONTEXT["minute_seconds"]),
    ]
    return start(layout, BALANCER, command, _environment(layout, ports), GivesWay.BY_ITSELF)


def start_builder(layout: Layout, ports: Ports) -> Part:
    """Start the CodeBuild endpoint: it runs a build a process, in a folder of its own."""
    layout.builds.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "apps.local.codebuild"),
        *("--listen", f"{LOOPBACK}:{ports.builder}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *("--home", str(layout.builds)),
    ]
    return start(layout, BUILDER, command, _environment(layout, ports))


def start_console(layout: Layout, ports: Ports) -> Part:
    """Start the console's page: who started the environment presses its buttons."""
    command = [
        *(sys.executable, "-m", "apps.local.console"),
        *("--listen", f"{LOOPBACK}:{ports.console}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *("--by", operator()),
    ]
    return start(layout, CONSOLE, command, _environment(layout, ports))


def operator() -> str:
    """Who asks, as the commands have it."""
    return os.environ.get("LIFECYCLE_AS") or os.environ.get("USER") or "operator"


def wait_for_endpoint(layout: Layout, part: Part, port: int) -> None:
    """Return when the endpoint answers; raise PartFailed with its log when it does not."""
    wait_for(layout, part, lambda: listens(LOOPBACK, port))


def _environment(layout: Layout, ports: Ports) -> dict[str, str]:
    return {
        **clean_environment(),
        **endpoints(layout, ports),
        **root_credentials(),
        "LIFECYCLE_HOME": str(layout.home),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(layout.temporary),
        "MALLOC_ARENA_MAX": "1",
    }
