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
    command = [
        *(sys.executable, "-m", "apps.local.dispatcher"),
        *("--listen", f"{LOOPBACK}:{ports.balancer}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *("--home", str(layout.dispatcher)),
        *("--nice", str(niceness())),
        *("--metrics-period", CONTEXT["minute_seconds"]),
    ]
    return start(layout, BALANCER, command, _environment(layout, ports), PriorityScope.SELF_MANAGED)


def start_builder(layout: Layout, ports: Ports) -> Part:
    """Start the CodeBuild endpoint, which runs each build in a process and a folder of its own."""
    layout.builds.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "apps.local.codebuild"),
        *("--listen", f"{LOOPBACK}:{ports.builder}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *("--home", str(layout.builds)),
    ]
    return start(layout, BUILDER, command, _environment(layout, ports))


def start_console(layout: Layout, ports: Ports) -> Part:
    """Start the console; its buttons act in the name of the person who starts the environment."""
    command = [
        *(sys.executable, "-m", "apps.local.console"),
        *("--listen", f"{LOOPBACK}:{ports.console}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *("--by", operator()),
    ]
    return start(layout, CONSOLE, command, _environment(layout, ports))


def operator() -> str:
    """Return the operator's name as the CLI determines it: LIFECYCLE_AS, else USER."""
    return os.environ.get("LIFECYCLE_AS") or os.environ.get("USER") or "operator"


def wait_for_endpoint(layout: Layout, part: Part, port: int) -> None:
    """Return when the endpoint accepts connections; raise PartFailed with its log if it does not."""
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
