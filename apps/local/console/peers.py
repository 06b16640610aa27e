"""Refuses a connection of another user of the machine, by the owner of its socket (socket_owners.py)."""

from collections.abc import Callable

from apps.local.socket_owners import Address, connected

_ROOT = 0
# A table is read in parts while it changes, so that one reading may miss a line.
_READINGS = 3


def problem(read: Callable[[], str | None], client: Address, server: Address, own: int) -> str | None:
    """Return why a client may not come in; None if its socket belongs to `own` or root, or if no system list exists.

    A socket without an owner was closed. Nobody is believed to own it.
    """
    expected = "expected a request of the user who started the console, found"
    for _ in range(_READINGS):
        if (table := read()) is None:
            return None
        if owners := connected(table, client, server):
            foreign = sorted(owners - {own, _ROOT})
            return f"{expected} one of user {foreign[0]}" if foreign else None
    return f"{expected} a connection whose owner the system does not list"
