"""The ports that the environment listens on, and the check that they are free.

`up` checks all of them before it starts anything.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields

import psutil

from apps.local.errors import LaptopError, PortsTaken

LOOPBACK = "127.0.0.1"
VARIABLE = "LIFECYCLE_PORTS"


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports; `host` is the first host's, and the next hosts and clusters take the next free ones."""

    emulator: int = 4566
    balancer: int = 4567
    builder: int = 4568
    console: int = 8090
    production: int = 8080
    staging: int = 8081
    host: int = 18081

    @classmethod
    def parse(cls, text: str) -> "Ports":
        """Parse `emulator=5566,production=9090`; the other ports keep their defaults."""
        known = {field.name for field in fields(cls)}
        chosen: dict[str, int] = {}
        for item in filter(None, text.split(",")):
            name, _, number = (part.strip() for part in item.partition("="))
            if name not in known or not number.isdigit() or not 0 < int(number) < 65536:
                raise LaptopError(
                    f"expected ports as NAME=NUMBER with NAME one of {', '.join(sorted(known))}; found {item!r}"
                )
            chosen[name] = int(number)
        return cls(**chosen)

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that are free now, for a second environment on the same machine."""
        with ExitStack() as held:
            numbers = [held.enter_context(_bound(LOOPBACK, 0)).getsockname()[1] for _ in fields(cls)]
        return cls(*numbers)

    def fixed(self) -> dict[str, int]:
        """Return the ports that must be free for `up`; each host takes a free port itself."""
        return {name: number for name, number in asdict(self).items() if name != "host"}


def chosen_ports() -> Ports | None:
    """Return the ports that LIFECYCLE_PORTS names; None if it is unset."""
    text = os.environ.get(VARIABLE)
    return Ports.parse(text) if text else None


def check(ports: Mapping[str, int], timeout_seconds: float = 0.0) -> None:
    """Raise PortsTaken, naming each taken port, the process that holds it, and how to choose another.

    A process that has just ended may take up to `timeout_seconds` to release its port.
    """
    deadline = time.monotonic() + timeout_seconds
    while taken := {name: number for name, number in ports.items() if not is_free(LOOPBACK, number)}:
        if time.monotonic() >= deadline:
            raise PortsTaken(
                [
                    f"port {number} ({name}) is taken{holder(number)}; end that process, or choose another port: "
                    f"{VARIABLE}={name}={number + 1000} (or --ports)"
                    for name, number in taken.items()
                ]
            )
        time.sleep(0.05)


def is_free(address: str, port: int) -> bool:
    """Return True if a server could listen on the port now."""
    try:
        _bound(address, port).close()
    except OSError:
        return False
    return True


def listens(address: str, port: int) -> bool:
    """Return True if a server accepts connections on the port."""
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def next_free(address: str, first: int, *, avoid: frozenset[int] = frozenset()) -> int:
    """Return the first port from `first` on that is free at the address and not in `avoid`."""
    for port in range(first, min(first + 1000, 65536)):
        if port not in avoid and is_free(address, port):
            return port
    raise LaptopError(f"expected a free port on {address} from {first} on; found none among 1000")


def _bound(address: str, port: int) -> socket.socket:
    server = socket.socket()
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        # Two sockets may be bound with SO_REUSEADDR; only one may listen.
        server.listen(1)
    except OSError:
        server.close()
        raise
    return server


def holder(port: int) -> str:
    """Name the process that listens on a local port, as the end of an error message: ` by pid 12 (nginx)`."""
    for pid in _listeners(port):
        try:
            command = " ".join(psutil.Process(pid).cmdline())
        except psutil.Error:
            command = "a process of another user"
        return f" by pid {pid} ({command:.120})"
    return " by a process that this user may not see"


def _listeners(port: int) -> Iterator[int]:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return
    for found in connections:
        if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
            yield found.pid
