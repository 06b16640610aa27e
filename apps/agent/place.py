"""The place of a service: the address and port that the load balancer knows it by.

Used by agent.py. The settings say where the next start binds. A service that was started before they changed is still
registered where it was started, and only a turn may end it there.
"""

from dataclasses import dataclass

from apps.agent.service import StartRecord
from apps.agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """An address and port; `moves_to` is the place of the next start, if that is another one."""

    address: str
    port: int
    moves_to: str = ""


def place_of(settings: Settings, started: StartRecord | None, *, runs: bool) -> Place:
    """Return where the last start of the service serves, or would be registered if it has ended.

    A machine that came back with another address no longer has the one before, so that one is a target of no host.
    """
    here = Place(settings.address, settings.port)
    if started is None or not started.port or not (runs or started.address == settings.address):
        return here

    there = Place(started.address, started.port)
    return there if there == here else Place(started.address, started.port, f"{here.address}:{here.port}")
