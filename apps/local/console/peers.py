"""Names the user at the other end of a loopback connection: Linux lists the owner of each socket in /proc/net/tcp."""

import socket
import sys
from pathlib import Path

_TABLE = Path("/proc/net/tcp")
_LOCAL, _REMOTE, _UID = 1, 2, 7
_ROOT = 0

Address = tuple[str, int]


def foreign_owner(table: str, client: Address, server: Address, own: int) -> int | None:
    """Return the user id of a client's socket if it is neither `own` nor root; None if it may come in.

    A socket that is not listed was closed by its owner, so nobody reads the answer.
    """
    ours = (_listed(client), _listed(server))
    for line in table.splitlines()[1:]:
        fields = line.split()
        if (fields[_LOCAL], fields[_REMOTE]) == ours:
            owner = int(fields[_UID])
            return None if owner in (own, _ROOT) else owner
    return None


def read_table() -> str:
    """Return the system's table of IPv4 connections; empty where there is none, as on macOS."""
    return _TABLE.read_text() if _TABLE.exists() else ""


def _listed(address: Address) -> str:
    """Return an address as the table writes it: the bytes of an IPv4 address as one number of this machine."""
    host, port = address
    number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    return f"{number:08X}:{port:04X}"
