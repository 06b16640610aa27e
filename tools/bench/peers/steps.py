"""The steps that the peers share: calls of the load balancer, the port, the self-test and the time marks.

Only the standard library, because pyinfra and Ansible import or run it with their own Python:
`python steps.py STEP PLAN HOST` is one step on one host. PLAN is the JSON file that fleet.py writes.
"""

import http.client
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Plan = dict[str, Any]
Host = dict[str, Any]
TIMEOUT_SECONDS = 60.0
_STATE = re.compile(rb"<State>([a-z.]+)</State>")
_connections: dict[str, http.client.HTTPConnection] = {}


def drain(plan: Plan, host: Host) -> None:
    """Mark the beginning of the host's round; deregister it and wait until the load balancer has drained it."""
    _mark(plan, host, "began")
    _call(plan, "DeregisterTargets", host)
    _await_state(plan, host, b"unused")


def await_port(plan: Plan, host: Host) -> None:
    """Wait until the service accepts connections."""
    _poll(lambda: _accepts(host), plan["port_poll_seconds"], f"{host['name']} does not listen on its port")


def self_test(plan: Plan, host: Host) -> None:
    """Request the self-test; raise SystemExit unless it answers 2xx."""
    connection = http.client.HTTPConnection(host["address"], host["port"], timeout=TIMEOUT_SECONDS)
    connection.request("GET", plan["self_test"], headers={"Connection": "close"})
    answer = connection.getresponse()
    connection.close()
    if answer.status >= 300:
        raise SystemExit(f"the self-test of {host['name']} answered {answer.status}, expected 2xx")


def register(plan: Plan, host: Host) -> None:
    """Register the host, wait until the load balancer finds it healthy, and mark the end of its round."""
    _call(plan, "RegisterTargets", host)
    _await_state(plan, host, b"healthy")
    _mark(plan, host, "ended")


def read_plan(file: str) -> Plan:
    """Return the plan."""
    plan: Plan = json.loads(Path(file).read_text())
    return plan


def _mark(plan: Plan, host: Host, event: str) -> None:
    with Path(plan["marks"]).open("a") as file:
        file.write(f"{host['name']} {event} {time.monotonic()}\n")


def _await_state(plan: Plan, host: Host, expected: bytes) -> None:
    _poll(
        lambda: _STATE.findall(_call(plan, "DescribeTargetHealth", host)) == [expected],
        plan["poll_seconds"],
        f"{host['name']} is not {expected.decode()} at the load balancer",
    )


def _poll(reached: Callable[[], bool], pause: float, problem: str) -> None:
    until = time.monotonic() + TIMEOUT_SECONDS
    while not reached():
        if time.monotonic() > until:
            raise SystemExit(f"{problem} after {TIMEOUT_SECONDS:.0f} s")
        time.sleep(pause)


def _accepts(host: Host) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host["address"], host["port"])) == 0


def _call(plan: Plan, action: str, host: Host) -> bytes:
    """Send the signed call of the plan for this one target (fleet.py), on a keep-alive connection."""
    body, headers = host["calls"][action]
    at = plan["balancer"]
    connection = _connections.setdefault(at, http.client.HTTPConnection(at, timeout=TIMEOUT_SECONDS))
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
    except ConnectionError:  # another tool was measured for so long that the load balancer closed it
        connection.close()
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{action} of {host['name']} answered {answer.status}: {text[:300]!r}")
    return text


STEPS = {"drain": drain, "await_port": await_port, "self_test": self_test, "register": register}

if __name__ == "__main__":
    step, file, name = sys.argv[1:]
    given = read_plan(file)
    STEPS[step](given, next(each for each in given["targets"] if each["name"] == name))
