"""Names the user at the other end of a loopback connection: Linux lists the owner of each socket.

A client's socket may be of IPv6, at ::ffff:127.0.0.1. The server sees an IPv4 address, but the client's line is in
the other table.
"""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9
_MAPPED = bytes(10) + b"\xff\xff"
_ROOT = 0
# A table is read in parts while it changes, so that one reading may miss a line.
_READINGS = 3

Address = tuple[str, int]


def problem(read: Callable[[], str | None], client: Address, server: Address, own: int) -> str | None:
    """Return why a client may not come in; None if its socket belongs to `own` or root, or if no system list exists.

    A socket without an owner was closed. Nobody is believed to own it.
    """
    expected = "expected a request of the user who started the console, found"
    for _ in range(_READINGS):
        if (table := read()) is None:
            return None
        if owners := _owners(table, client, server):
            foreign = sorted(owners - {own, _ROOT})
            return f"{expected} one of user {foreign[0]}" if foreign else None
    return f"{expected} a connection whose owner the system does not list"


def read_table() -> str | None:
    """Return the lines of the system's open sockets; None where there is no such list, as on macOS."""
    if sys.platform != "linux":
        return None
    return "\n".join(line for table in _TABLES if table.exists() for line in table.read_text().splitlines()[1:])


def _owners(table: str, client: Address, server: Address) -> set[int]:
    """Return the owners of the connection's sockets at the client's end: one, as an address belongs to one socket."""
    wanted = set(zip(_listed(client), _listed(server), strict=True))
    lines = (line.split() for line in table.splitlines())
    return {int(each[_UID]) for each in lines if (each[_LOCAL], each[_REMOTE]) in wanted and each[_INODE] != "0"}


def _listed(address: Address) -> tuple[str, str]:
    """Return an address as each of the tables writes it: four bytes are one number of this machine."""
    host, port = address
    number = socket.inet_aton(host)
    return f"{_numbers(number)}:{port:04X}", f"{_numbers(_MAPPED + number)}:{port:04X}"


def _numbers(address: bytes) -> str:
    parts = (address[at : at + 4] for at in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(part, sys.byteorder):08X}" for part in parts)
