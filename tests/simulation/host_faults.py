"""Faults of one host's machine: a disk that is full, and a process of an earlier start that does not end."""

import errno
from typing import TYPE_CHECKING

from apps.agent.errors import LeftBehind
from lifecycle.domain.errors import Refused
from tests.simulation.hosts import PORT

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation


def fill_disk(sim: "Simulation", host: "Host") -> None:
    """Let something else fill the disk for a while: no version has room, and the journal may have none."""
    host.disk_full_until = sim.now + sim.rng.choice((30.0, 300.0, 2000.0)) * sim.random()


def require_room(host: "Host", version: str) -> None:
    """Raise what the real release store raises when an artifact has no room."""
    if host.sim.now < host.disk_full_until:
        raise Refused(f"the artifact of {version}", ["it needs 100 bytes on the disk, and 0 are free"])


def require_space(host: "Host") -> None:
    """Raise now and then what a write of the journal raises once its reserve is used up."""
    if host.sim.now < host.disk_full_until and host.sim.random() < 0.3:
        raise OSError(errno.ENOSPC, "No space left on device")


def set_port(sim: "Simulation", host: "Host") -> None:
    """Give the agent another port, which takes a restart of it; now and then the agents of all hosts."""
    port = 9090 if host.next_port == PORT else PORT
    for each in list(sim.hosts.values()) if sim.random() < 0.3 else [host]:
        each.next_port = port
        sim.crash_agent(each)


def leave_process(sim: "Simulation", host: "Host") -> None:
    """Let the service's start leave a process that waits for something, and cannot be ended meanwhile."""
    if host.started is not None:
        host.left_behind = host.started
        host.left_behind_until = sim.now + sim.rng.choice((30.0, 300.0)) * sim.random()


def require_end_of_leftovers(host: "Host") -> None:
    """Raise what the real service raises when a process of an earlier start does not end."""
    if host.left_behind and host.sim.now < host.left_behind_until:
        raise LeftBehind("process 4711 (worker)", host.left_behind.version, 5.0)
    host.left_behind = None


def end(host: "Host") -> None:
    """Let the disk have room and the left process end."""
    host.disk_full_until = min(host.disk_full_until, host.sim.now)
    host.left_behind_until = min(host.left_behind_until, host.sim.now)
