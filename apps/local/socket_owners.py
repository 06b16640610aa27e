"""The owners of this machine's TCP sockets, as Linux lists them: one table for IPv4, and one for IPv6.

Used by console/peers.py and own_files.py. A socket of IPv6 at ::ffff:127.0.0.1 exchanges data with one of IPv4 at
127.0.0.1, but its line is in the other table.
"""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _STATE, _UID, _INODE = 1, 2, 3, 7, 9
_LISTEN = "0A"
_MAPPED = bytes(10) + b"\xff\xff"
_EVERY_ADDRESS = ("00000000", "0" * 32)

Address = tuple[str, int]


def read_table() -> str | None:
    """Return the lines of the system's TCP sockets; None where there is no such list, as on macOS."""
    if sys.platform != "linux":
        return None
    return "\n".join(line for table in _TABLES if table.exists() for line in table.read_text().splitlines()[1:])


def connected(table: str, local: Address, remote: Address) -> set[int]:
    """Return the owner of the socket at `local` that is connected to `remote`; empty if it is not listed."""
    wanted = set(zip(_listed(local), _listed(remote), strict=True))
    return {owner for owner, at, to, _ in _sockets(table) if (at, to) in wanted}


def listening(table: str, address: Address) -> set[int]:
    """Return the owners of the sockets that take connections to an address: of its own, else of every address."""
    listeners = [(owner, at) for owner, at, _, state in _sockets(table) if state == _LISTEN]
    for wanted in (_listed(address), tuple(f"{each}:{address[1]:04X}" for each in _EVERY_ADDRESS)):
        if owners := {owner for owner, at in listeners if at in wanted}:
            return owners
    return set()


def _sockets(table: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield each socket that has an owner; one that was closed is listed as root's, without an inode."""
    for line in table.splitlines():
        fields = line.split()
        if fields[_INODE] != "0":
            yield int(fields[_UID]), fields[_LOCAL], fields[_REMOTE], fields[_STATE]


def _listed(address: Address) -> tuple[str, str]:
    """Return an address as each of the tables writes it: four bytes are one number of this machine."""
    host, port = address
    number = socket.inet_aton(host)
    return f"{_numbers(number)}:{port:04X}", f"{_numbers(_MAPPED + number)}:{port:04X}"


def _numbers(address: bytes) -> str:
    parts = (address[at : at + 4] for at in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(part, sys.byteorder):08X}" for part in parts)
