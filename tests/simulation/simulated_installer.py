"""The real code of apps/agent/installer.py over simulated hosts.

Its methods get other globals for what touches a machine: the check of the port, the wait until a service
listens, the self-test and the module `time`.
"""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from apps.agent import installer as real
from apps.agent.installer import Installer
from tests.simulation.hosts import Host
from tests.simulation.services import ReleaseRunner, ready, tested

# The host of each address, in the simulation that this process runs now.
_hosts: dict[str, Host] = {}


class SimulatedTime:
    """The functions of the module `time` that apps/agent/installer.py uses, in simulated time."""

    @staticmethod
    def monotonic() -> float:
        return _working_host().sim.now

    @staticmethod
    def sleep(seconds: float) -> None:
        host = _working_host()
        host.sim.work(host, "wait", seconds)


def _working_host() -> Host:
    """Return the host whose agent runs now."""
    sim = next(iter(_hosts.values())).sim
    assert sim.actor is not None
    return sim.hosts[sim.actor.host]


def _port_is_free(address: str, port: int) -> None:
    return


def _wait_until_ready(
    check: Any, address: str, port: int, seconds: float, died: Callable[[], str | None], *_: Any
) -> None:
    ready(_hosts[address], seconds, died)


def _wait_until_started(died: Callable[[], str | None]) -> None:
    ready(_working_host(), 1.0, died)


def _self_test(check: Any, address: str, *_: Any) -> str:
    return tested(_hosts[address])


@cache
def installer_class() -> type[Installer]:
    """Return the class Installer over simulated hosts."""
    space = {
        **vars(real),
        "check_port_is_free": _port_is_free,
        "wait_until_ready": _wait_until_ready,
        "wait_until_started": _wait_until_started,
        "self_test": _self_test,
        "ReleaseRunner": ReleaseRunner,
        "time": SimulatedTime,
        "service_environment": lambda _manifest, _settings, config, _home: dict(config),
    }
    methods = {
        name: FunctionType(found.__code__, space, name, found.__defaults__, found.__closure__)
        for name, found in vars(Installer).items()
        if isinstance(found, FunctionType)
    }
    return type("Installer", (Installer,), {**methods, "log_tail": lambda _: "the end of the service's log"})


def forget_hosts() -> None:
    """Forget the hosts of the simulation before."""
    _hosts.clear()


def add_host(host: Host) -> None:
    """Let the host be found by its address."""
    _hosts[host.address] = host
