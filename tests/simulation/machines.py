"""Auto Scaling: it ends instances of the cluster, after its hook has waited for their drain, or has timed out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lifecycle.application.fleet.end_host import WHO
from lifecycle.domain.fleet.cluster import Cluster
from tests.simulation.hosts import Host

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

# Seconds that the hook waits (infra/constructs/hosts.py).
HOOK_SECONDS = 660.0
LOST = 0.1
LATE_SECONDS = 4 * 3600.0


class Machines:
    """The instances, which only end: no address is known here, so every report still makes a host."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        del cluster
        return None

    def is_ending(self, cluster: Cluster, host: str) -> bool:
        del cluster
        found = self._sim.hosts.get(host)
        return found is not None and found.ending and not found.left

    def let_end(self, cluster: Cluster, host: str) -> None:
        if self.is_ending(cluster, host):
            self._sim.after(0.5, 5.0, lambda: _end(self._sim, self._sim.hosts[host]))

    def guard(self, cluster: Cluster, *, at_work: bool) -> None:
        pass


def begin_to_end(sim: "Simulation", host: Host) -> None:
    """Let Auto Scaling begin to end an instance; its event may be lost, repeated, or late."""
    if host.left or host.ending or sum(not (each.left or each.ending) for each in sim.hosts.values()) < 3:
        return
    host.ending = True
    sim.after(HOOK_SECONDS, HOOK_SECONDS, lambda: _end(sim, host))
    given = {"service": "hello", "environment": "production", "host": host.name}
    if sim.random() >= LOST:
        sim.after(0.2, 5.0, lambda: sim.invoke("host_terminating", given, lambda _r, _e: None))
    if sim.random() < LOST:
        sim.after(0.0, LATE_SECONDS, lambda: sim.invoke("host_terminating", given, lambda _r, _e: None))


def _end(sim: "Simulation", host: Host) -> None:
    """End the machine, and call `host_terminated` unless that event is lost; an operator then removes the host."""
    if host.left:
        return
    host.left, host.up = True, False
    sim.faults.machine_ends(host)
    if sim.calm or sim.random() >= LOST:
        given = {"service": "hello", "environment": "production", "host": host.name, "by": WHO}
        event = {**given, "why": "the instance was terminated", "terminated": True}
        sim.after(0.5, 20.0, lambda: sim.invoke("remove_host", event, lambda _r, _e: None))
