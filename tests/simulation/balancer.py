"""The fake of the port Dispatcher: target groups and their traffic weights, health checks and draining.

A target is INITIAL when registered, then HEALTHY or UNHEALTHY by what its host really runs. A deregistered
target drains until its requests in flight have ended. The seed chooses how long each of these takes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState
from tests.simulation.hosts import PORT

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

HEALTHY, INITIAL, UNHEALTHY, DRAINING = (
    TargetState.HEALTHY,
    TargetState.INITIAL,
    TargetState.UNHEALTHY,
    TargetState.DRAINING,
)
# Seconds; the default settle time of a policy is longer.
_LATEST = 9.0
TEST_GROUP = (Group.TEST_BED, Group.CONTROL)


class Balancer:
    """The fake of the port Dispatcher. `lost_at` is when a registered target last became unhealthy.

    `states` are the main group's targets, `test_groups` those of the test bed and control.
    `weight_given_at` is when a group last got a traffic weight, `left_at` when a target last left it.
    `ports` are those of the hosts' targets. `strays` are targets that somebody registered beside Lifecycle, where no
    host is, and that a host has left behind at another port.
    """

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self.states: dict[str, TargetState] = {}
        self.test_groups: dict[Group, dict[str, TargetState]] = {group: {} for group in TEST_GROUP}
        self.traffic_weights: dict[Group, int] = {Group.MAIN: 1, **dict.fromkeys(TEST_GROUP, 0)}
        self.weight_given_at: dict[Group, float] = dict.fromkeys(TEST_GROUP, -1e9)
        self.left_at: dict[Group, float] = dict.fromkeys(Group, -1e9)
        self.lost_at: dict[str, float] = {}
        self.busy_until: dict[str, float] = {}
        self.late_until: dict[str, float] = {}
        self.ports: dict[tuple[str, Group], int] = {}
        self.strays: dict[tuple[str, int, Group], TargetState] = {}
        self._deleted, self.stack_changed_at = False, -1e9

    def delete(self) -> None:
        """Delete the load balancer with its stack: every call is answered as the real gateway does then."""
        self._deleted = True
        self.stack_changed_at = self._sim.now
        for group in Group:
            self.of(group).clear()
            self.left_at[group] = self._sim.now
        self.strays.clear()
        self.traffic_weights = {Group.MAIN: 1, **dict.fromkeys(TEST_GROUP, 0)}

    def make_again(self) -> None:
        self._deleted, self.stack_changed_at = False, self._sim.now

    @property
    def exists(self) -> bool:
        """Return whether the stack with the load balancer is there."""
        return not self._deleted

    def _found(self, cluster: Cluster) -> None:
        if self._deleted:
            raise Unknown("cluster", str(cluster), "Its stack was deleted.")

    def put_into_rotation(self, address: str) -> None:
        """Make a host that works a healthy target, as a deployment before the run did."""
        self.states[address] = HEALTHY

    def of(self, group: Group) -> dict[str, TargetState]:
        return self.states if group is Group.MAIN else self.test_groups[group]

    def state(self, address: str) -> TargetState | None:
        """Return a target's state as the product sees it, the main group first; None if not registered."""
        if (main := self.states.get(address)) is not None:
            return main
        for group in TEST_GROUP:
            if (found := self.test_groups[group].get(address)) is not None:
                return TargetState.TEST_GROUP if found is HEALTHY else found
        return None

    def everywhere(self) -> list[str]:
        """Return the addresses that are in rotation, in any group."""
        return [a for group in Group for a, state in self.of(group).items() if state.in_rotation]

    def targets(self, cluster: Cluster, addresses: Collection[str] | None = None) -> Mapping[str, TargetState]:
        self._found(cluster)
        known = {**self.test_groups[Group.TEST_BED], **self.test_groups[Group.CONTROL], **self.states}
        asked = known if addresses is None else addresses
        found = self._observed({a: state for a in asked if (state := self.state(a)) is not None})
        strange = {} if addresses is not None else {address: state for (address, _, _), state in self.strays.items()}
        return {**strange, **found}

    def target(self, cluster: Cluster, address: str) -> TargetState:
        self._found(cluster)
        return self._observed({address: self.state(address) or TargetState.ABSENT})[address]

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        self._found(cluster)
        return self._observed(dict(self.of(group)), (group,))

    def registered(self, cluster: Cluster, group: Group | None = None) -> Sequence[RegisteredTarget]:
        self._found(cluster)
        of_hosts = [
            RegisteredTarget(address, self._port(address, each), each, state)
            for each in Group
            if group in (None, each)
            for address, state in self._observed(dict(self.of(each)), (each,)).items()
        ]
        strays = [RegisteredTarget(*key, state) for key, state in self.strays.items()]
        return of_hosts + [each for each in strays if group in (None, each.group)]

    def _port(self, address: str, group: Group) -> int:
        return self.ports.get((address, group), PORT)

    def register_stray(self, address: str, port: int, group: Group) -> None:
        """Register a target where no host is, as somebody does by hand; a stranger may answer there."""
        self.strays[address, port, group] = self._sim.rng.choice((HEALTHY, HEALTHY, INITIAL, UNHEALTHY))

    def _observed(self, states: dict[str, TargetState], groups: Iterable[Group] = Group) -> dict[str, TargetState]:
        """Note in the actor which states it has read now; return them."""
        if (actor := self._sim.actor) is not None:
            actor.balancer_read_at = self._sim.now
            actor.group_read_at |= dict.fromkeys(groups, self._sim.now)
            actor.unhealthy -= states.keys()
            actor.unhealthy |= {address for address, state in states.items() if state is UNHEALTHY}
        return states

    def has_load_balancer(self, cluster: Cluster) -> bool:
        return True

    def has_test_bed(self, cluster: Cluster) -> bool:
        return True

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        self._found(cluster)
        before, self.traffic_weights = self.traffic_weights, {group: weights.get(group, 0) for group in Group}
        for group in TEST_GROUP:
            if self.traffic_weights[group] and not before[group]:
                self.weight_given_at[group] = self._sim.now
        if self._sim.tracing:
            self._sim.say("balancer", "weights", " ".join(f"{g}={n}" for g, n in self.traffic_weights.items()))
        self._sim.oracle.weights_changed()

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        self._found(cluster)
        return dict(self.traffic_weights)

    def health_path(self, cluster: Cluster) -> str | None:
        self._found(cluster)
        return "/is_alive"

    def drain_delays(self, cluster: Cluster) -> Mapping[Group, int]:
        self._found(cluster)
        return dict.fromkeys(Group, 60)

    def check_failure(self, cluster: Cluster, address: str, group: Group) -> str:
        self._found(cluster)
        return "Health checks failed" if self.of(group).get(address) is UNHEALTHY else ""

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        self._found(cluster)
        states = self.of(group)
        before = self._port(address, group)
        if states.get(address) in (HEALTHY, INITIAL, UNHEALTHY):
            if port == before:
                return
            self.strays[address, before, group] = UNHEALTHY
        self._sim.oracle.registers(address, group)
        states[address], self.ports[address, group] = INITIAL, port
        self.check_soon(address)

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        self._found(cluster)
        groups = (group,) if group else tuple(Group)
        for here, at, each in list(self.strays):
            if here == address and each in groups and port in (None, at):
                if port is not None:
                    self._sim.oracle.stray_leaves(address, port)
                del self.strays[here, at, each]
        for each in groups:
            state = self.of(each).get(address)
            if state is not None and state is not DRAINING and port in (None, self._port(address, each)):
                self._sim.oracle.deregisters(address, state, each, port)
                self._drain(address, state, each)

    def _drain(self, address: str, state: TargetState, group: Group) -> None:
        sim, states = self._sim, self.of(group)
        states[address] = DRAINING
        self.left_at[group] = sim.now
        seconds = 6 * sim.random() if sim.random() < 0.95 else 130 * sim.random()
        busy = seconds if state is HEALTHY else 0.0
        if state is HEALTHY:  # parts of an ALB may send requests for seconds after that
            self.late_until[address] = sim.now + _LATEST * sim.random()
        until = self.busy_until[address] = max(sim.now + busy, self.busy_until.get(address, 0.0))

        def drained() -> None:
            over = sim.now >= self.busy_until.get(address, 0.0)
            if states.get(address) is DRAINING and over:
                del states[address]
                if sim.tracing:
                    sim.say("balancer", f"{address} drained", group)

        sim.at(until + sim.random(), drained)

    def busy(self, address: str) -> bool:
        """Return True while a target gets requests or still has some in flight."""
        here = [state for group in Group if (state := self.of(group).get(address)) is not None]
        late = self._sim.now < self.late_until.get(address, 0.0)
        return late or HEALTHY in here or (DRAINING in here and self._sim.now < self.busy_until[address])

    def check_soon(self, address: str) -> None:
        """Check the health of a target soon, as the next health check would."""
        for group in Group:
            if address in self.of(group):
                self._sim.after(0.5, 9.0, partial(self._check, address, group))

    def _check(self, address: str, group: Group) -> None:
        states = self.of(group)
        state = states.get(address)
        if state is None or state is DRAINING:
            return
        found = HEALTHY if self._sim.hosts_at[address].answers_checks(self._port(address, group)) else UNHEALTHY
        if found is state:
            return
        states[address] = found
        if self._sim.tracing:
            self._sim.say("balancer", f"{address} {state} -> {found}", group)
        if found is HEALTHY:
            self._sim.hosts_at[address].healthy_at = self._sim.now
            self._sim.oracle.turned_healthy(address)
        elif state is HEALTHY:
            self.lost_at[address] = self._sim.now
