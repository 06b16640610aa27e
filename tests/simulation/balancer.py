"""The load balancer: health checks, draining, and what "traffic" means here.

A target is INITIAL when registered, then HEALTHY or UNHEALTHY by what its host really runs. A deregistered one drains
until its requests in flight have ended. Each takes its time, which the seed chooses.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lifecycle.domain.capacity import Group, TargetState
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet import Cluster

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

HEALTHY, INITIAL, UNHEALTHY, DRAINING = (
    TargetState.HEALTHY,
    TargetState.INITIAL,
    TargetState.UNHEALTHY,
    TargetState.DRAINING,
)


class Balancer:
    """Implements the port Dispatcher. `lost_at` tells when a target was last found ill, by its own fault."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self.states: dict[str, TargetState] = {}
        self.lost_at: dict[str, float] = {}
        self.busy_until: dict[str, float] = {}

    def targets(self, cluster: Cluster) -> Mapping[str, TargetState]:
        return dict(self.states)

    def target(self, cluster: Cluster, address: str) -> TargetState:
        return self.states.get(address, TargetState.ABSENT)

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        return dict(self.states) if group is Group.MAIN else {}

    def has_test_bed(self, cluster: Cluster) -> bool:
        return False

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        raise Unknown("test bed", f"of {cluster}", "the simulation has none")

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        return {Group.MAIN: 1, Group.TEST_BED: 0, Group.CONTROL: 0}

    def health_path(self, cluster: Cluster) -> str | None:
        return "/is_alive"

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        if self.states.get(address) in (HEALTHY, INITIAL, UNHEALTHY):
            return
        self._sim.oracle.registers(address)
        self.states[address] = INITIAL
        self.check_soon(address)

    def deregister(self, cluster: Cluster, address: str, port: int, group: Group | None = None) -> None:
        state = self.states.get(address)
        if state is None or state is DRAINING:
            return
        self._sim.oracle.deregisters(address, state)
        self.states[address] = DRAINING
        sim = self._sim
        seconds = 6 * sim.random() if sim.random() < 0.95 else 130 * sim.random()
        busy = seconds if state is HEALTHY else 0.0
        self.busy_until[address] = sim.now + busy
        sim.at(sim.now + busy + sim.random(), lambda: self._drained(address))

    def _drained(self, address: str) -> None:
        over = self._sim.now >= self.busy_until.get(address, 0.0)
        if self.states.get(address) is DRAINING and over:
            del self.states[address]
            if self._sim.tracing:
                self._sim.say("balancer", f"{address} drained")

    def busy(self, address: str) -> bool:
        """Whether it gets requests, or still has some in flight."""
        state = self.states.get(address)
        return state is HEALTHY or (state is DRAINING and self._sim.now < self.busy_until[address])

    def check_soon(self, address: str) -> None:
        """A health check finds out in a while how a target is now."""
        if address in self.states:
            self._sim.after(0.5, 9.0, lambda: self._check(address))

    def _check(self, address: str) -> None:
        state = self.states.get(address)
        if state is None or state is DRAINING:
            return
        found = HEALTHY if self._sim.hosts_at[address].answers_checks() else UNHEALTHY
        if found is state:
            return
        self.states[address] = found
        if self._sim.tracing:
            self._sim.say("balancer", f"{address} {state} -> {found}")
        if found is HEALTHY:
            self._sim.hosts_at[address].healthy_at = self._sim.now
            self._sim.oracle.turned_healthy(address)
        elif state is HEALTHY:
            self.lost_at[address] = self._sim.now
