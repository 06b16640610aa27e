"""Runs of a service without HTTP: one seed in twelve. The real LedgerDispatcher answers the port Dispatcher.

The oracle judges by the same attributes as of the load balancer. `states` are the members as they really are: a
member is HEALTHY while its machine runs a start whose self-test really passed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.member import Member
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.gateways.ledger_dispatcher import LedgerDispatcher
from tests.fakes.members import MemoryMembers
from tests.simulation.balancer import HEALTHY, UNHEALTHY, Balancer
from tests.simulation.fakes import Clock

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

_HEARTBEAT_TIMEOUT = timedelta(seconds=30)
_ONE_IN, _OF_THEM = 24, (7, 16)  # an odd and an even one: with checkpoints and without


def is_of_a_worker(seed: int) -> bool:
    """Return whether a seed is about a service without HTTP; no draw decides it, so other seeds stay as they are."""
    return seed % _ONE_IN in _OF_THEM


class WorkerRotation(Balancer):
    """The port Dispatcher of a cluster without a load balancer."""

    def __init__(self, sim: "Simulation") -> None:
        super().__init__(sim)
        self._members = MemoryMembers()
        self._real = LedgerDispatcher(self._members, sim.fleet, Clock(sim), _HEARTBEAT_TIMEOUT)

    def _observed(self, states: dict[str, TargetState], groups: Iterable[Group] = Group) -> dict[str, TargetState]:
        """Note in the actor that it takes a host that it knows to serve for one that does, and no other."""
        found = {address: HEALTHY if state.serves else UNHEALTHY for address, state in states.items()}
        super()._observed({a: found[a] for a, state in states.items() if state.in_rotation}, groups)
        return states

    def put_into_rotation(self, address: str) -> None:
        """Make a host that works a member, as a deployment before the run did."""
        self._members.add(self._sim.cluster, Member(address, 8080))
        self.states[address] = TargetState.HEALTHY

    def targets(self, cluster: Cluster, addresses: Collection[str] | None = None) -> Mapping[str, TargetState]:
        return self._observed(dict(self._real.targets(cluster, addresses)))

    def target(self, cluster: Cluster, address: str) -> TargetState:
        return self._observed({address: self._real.target(cluster, address)})[address]

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        return self._observed(dict(self._real.members(cluster, group)), (group,))

    def registered(self, cluster: Cluster, group: Group | None = None) -> Sequence[RegisteredTarget]:
        found = self._real.registered(cluster, group)
        self._observed({each.address: each.state for each in found})
        return found

    def has_load_balancer(self, cluster: Cluster) -> bool:
        return self._real.has_load_balancer(cluster)

    def has_test_bed(self, cluster: Cluster) -> bool:
        return self._real.has_test_bed(cluster)

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        self._real.weigh(cluster, weights)

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        return self._real.weights(cluster)

    def health_path(self, cluster: Cluster) -> str | None:
        return self._real.health_path(cluster)

    def drain_delays(self, cluster: Cluster) -> Mapping[Group, int]:
        return self._real.drain_delays(cluster)

    def check_failure(self, cluster: Cluster, address: str, group: Group) -> str:
        return self._real.check_failure(cluster, address, group)

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        new = address not in self.states
        if new:
            self._sim.oracle.registers(address, group)
        self._real.register(cluster, address, port, group)
        if new:
            self.states[address] = TargetState.INITIAL
            self._check(address, group)
            if self.states[address] is TargetState.UNHEALTHY:  # it died before, and its agent has not said so yet
                self.lost_at[address] = self._sim.hosts_at[address].boot_changed_at

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        if port is not None and (stray := (address, port, Group.MAIN)) in self.strays:
            self._sim.oracle.stray_leaves(address, port)
            del self.strays[stray]
        elif (state := self.states.get(address)) is not None:
            self._sim.oracle.deregisters(address, state, Group.MAIN, port)
            self.left_at[Group.MAIN] = self._sim.now
        self._real.deregister(cluster, address, port, group)
        if address not in self._real.targets(cluster):
            self.states.pop(address, None)

    def register_stray(self, address: str, port: int, group: Group) -> None:
        """Write a member where no host is, as somebody does by hand."""
        del group
        self.strays[address, port, Group.MAIN] = TargetState.UNKNOWN
        self._members.add(self._sim.cluster, Member(address, port))

    def busy(self, address: str) -> bool:
        """Return False: a worker ends its work when it is stopped."""
        del address
        return False

    def check_soon(self, address: str) -> None:
        """Judge a member at once: nothing has to request it first."""
        if address in self.states:
            self._check(address, Group.MAIN)
