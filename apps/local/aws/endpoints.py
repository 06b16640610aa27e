"""Starts the processes beside the emulator: the dispatcher (ELBv2 and Envoy), CodeBuild and the console."""

import os
import sys

from apps.local.aws.assembly import CONTEXT
from apps.local.aws.emulator import clean_environment, endpoints, root_credentials, wait_for
from apps.local.paths import REPOSITORY, Layout
from apps.local.ports import LOOPBACK, Ports, listens
from apps.local.priority import PriorityScope, niceness
from apps.local.processes import Part, start

BALANCER = "dispatcher"
BUILDER = "codebuild"
CONSOLE = "console"


def start_balancer(layout: Layout, ports: Ports) -> Part:
    """Start the dispatcher, which starts and ends Envoy itself."""
    layout.dispatcher.mkdir(parents=True, exist_ok=True)
    priority = ("--nice", str(niceness()))
    own = ("--home", str(layout.dispatcher), *priority, "--metrics-period", CONTEXT["minute_seconds"])
    return _start(layout, ports, BALANCER, ports.balancer, own, PriorityScope.SELF_MANAGED)


def start_builder(layout: Layout, ports: Ports) -> Part:
    """Start the CodeBuild endpoint, which runs each build in a process and a folder of its own."""
    layout.builds.mkdir(parents=True, exist_ok=True)
    return _start(layout, ports, BUILDER, ports.builder, ("--home", str(layout.builds)))


def start_console(layout: Layout, ports: Ports) -> Part:
    """Start the console; its buttons act in the name of the person who starts the environment."""
    return _start(layout, ports, CONSOLE, ports.console, ("--by", operator()))


def operator() -> str:
    """Return the operator's name as the CLI determines it: LIFECYCLE_AS, else USER."""
    return os.environ.get("LIFECYCLE_AS") or os.environ.get("USER") or "operator"


def wait_for_endpoint(layout: Layout, part: Part, port: int) -> None:
    """Return when the endpoint accepts connections; raise PartFailed with its log if it does not."""
    wait_for(layout, part, lambda: listens(LOOPBACK, port))


def _start(
    layout: Layout,
    ports: Ports,
    name: str,
    port: int,
    own: tuple[str, ...],
    scope: PriorityScope = PriorityScope.ALL,
) -> Part:
    """Start the package apps.local.NAME on a port, with the options that all have and its own."""
    command = [
        *(sys.executable, "-m", f"apps.local.{name}"),
        *("--listen", f"{LOOPBACK}:{port}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *own,
    ]
    environment = {
        **clean_environment(),
        **endpoints(layout, ports),
        **root_credentials(),
        "LIFECYCLE_HOME": str(layout.home),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(layout.temporary),
        "MALLOC_ARENA_MAX": "1",
    }
    return start(layout, name, command, environment, scope)
