"""Starts the processes beside the emulator: the dispatcher (ELBv2 and Envoy), CodeBuild and the console."""

import os
import sys
from collections.abc import Mapping

from apps.local.aws import root_key
from apps.local.aws.assembly import CONTEXT
from apps.local.aws.emulator import endpoints, wait_for
from apps.local.paths import PYTHONPATH, Layout, private
from apps.local.ports import LOOPBACK, Ports, listens
from apps.local.priority import PriorityScope, niceness
from apps.local.processes import Part, start
from lifecycle.ambient import for_python

BALANCER = "dispatcher"
BUILDER = "codebuild"
CONSOLE = "console"

# The endpoints in the order of their start, each with the name of its port.
ENDPOINTS = {BALANCER: "balancer", BUILDER: "builder", CONSOLE: "console"}


def operator() -> str:
    """Return the operator's name as the CLI determines it: LIFECYCLE_AS, else USER."""
    return os.environ.get("LIFECYCLE_AS") or os.environ.get("USER") or "operator"


def wait_for_endpoint(layout: Layout, ports: Ports, part: Part) -> None:
    """Return when the endpoint accepts connections; raise PartFailed with its log if it does not."""
    wait_for(layout, part, lambda: listens(LOOPBACK, _port(ports, part.name)))


def _port(ports: Ports, name: str) -> int:
    return int(getattr(ports, ENDPOINTS[name]))


def start_endpoint(layout: Layout, ports: Ports, name: str, root: Mapping[str, str]) -> Part:
    """Start the package apps.local.NAME, which is one of ENDPOINTS; `root` is the key of the account's root."""
    command = [
        *(sys.executable, "-m", f"apps.local.{name}"),
        *("--listen", f"{LOOPBACK}:{_port(ports, name)}"),
        *("--emulator", f"http://{LOOPBACK}:{ports.emulator}"),
        *_own_options(layout, name),
    ]
    environment = {
        **for_python(os.environ, PYTHONPATH),
        **endpoints(layout, ports),
        **root_key.variables(root),
        "LIFECYCLE_HOME": str(layout.home),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(layout.temporary),
        "MALLOC_ARENA_MAX": "1",
    }
    scope = PriorityScope.SELF_MANAGED if name == BALANCER else PriorityScope.ALL
    return start(layout, name, command, environment, scope)


def _own_options(layout: Layout, name: str) -> tuple[str, ...]:
    if name == CONSOLE:  # its buttons act in the name of the person who starts the environment
        return ("--by", operator())
    folder = layout.dispatcher if name == BALANCER else layout.builds
    private(folder)
    if name == BUILDER:  # it runs each build in a process and a folder of its own
        return ("--home", str(folder))
    # The dispatcher starts and ends Envoy itself.
    priority = ("--nice", str(niceness()))
    return ("--home", str(folder), *priority, "--metrics-period", CONTEXT["minute_seconds"])
