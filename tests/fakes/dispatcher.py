"""A load balancer in memory, whose targets change state when a test calls `settle`."""

from collections.abc import Collection, Mapping, Sequence

from lifecycle import names
from lifecycle.domain.errors import LifecycleError, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState, check_target, check_weights

_DELAY = 60  # in seconds; the default of the cluster's template
FAILED = "Health checks failed (Target.FailedHealthChecks)"
_TO_MAIN = {group: int(group is Group.MAIN) for group in Group}


class MemoryDispatcher:
    """Targets by address: `states` of the main groups, `test_groups` of the others.

    A target is INITIAL once registered and DRAINING once deregistered, until `settle`. Those in `dead` fail
    their health checks; `failures` has what the load balancer says about them. Those in `busy` go on draining.
    `delays` are other deregistration delays than the usual one. A cluster in `old_stacks` has no test groups. `ports`
    are those of the newest target of an address, 8080 where none is named; `older` are its targets with other ports.
    The clusters in `without` have no load balancer.
    """

    def __init__(self, clusters: Mapping[Cluster, str]) -> None:
        self.paths = dict(clusters)
        self.states: dict[Cluster, dict[str, TargetState]] = {cluster: {} for cluster in clusters}
        self.test_groups: dict[tuple[Cluster, Group], dict[str, TargetState]] = {}
        self.group_weights: dict[Cluster, Mapping[Group, int]] = {}
        self.old_stacks: set[Cluster] = set()
        self.without: set[Cluster] = set()
        self.dead: set[str] = set()
        self.delays: dict[tuple[Cluster, Group], int] = {}
        self.failures: dict[str, str] = {}
        self.busy: set[str] = set()
        self.broken: LifecycleError | None = None  # raised where the reason of a failed check is asked for
        self.ports: dict[tuple[Cluster, Group, str], int] = {}
        self.older: dict[Cluster, dict[tuple[str, int, Group], TargetState]] = {cluster: {} for cluster in clusters}

    def has_load_balancer(self, cluster: Cluster) -> bool:
        return cluster not in self.without

    def targets(self, cluster: Cluster, addresses: Collection[str] | None = None) -> Mapping[str, TargetState]:
        in_test_groups = {**self.members(cluster, Group.TEST_BED), **self.members(cluster, Group.CONTROL)}
        for address, state in in_test_groups.items():
            in_test_groups[address] = TargetState.TEST_GROUP if state is TargetState.HEALTHY else state
        found = {**in_test_groups, **self._of(cluster)}
        return found if addresses is None else {each: found[each] for each in addresses if each in found}

    def target(self, cluster: Cluster, address: str) -> TargetState:
        return self.targets(cluster).get(address, TargetState.ABSENT)

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        if group is not Group.MAIN and not self.has_test_bed(cluster):
            return {}
        return dict(self._of(cluster, group))

    def registered(self, cluster: Cluster, group: Group | None = None) -> Sequence[RegisteredTarget]:
        newest = [
            RegisteredTarget(address, self._port(cluster, each, address), each, state)
            for each in Group
            for address, state in self.members(cluster, each).items()
        ]
        every = newest + [RegisteredTarget(*key, state) for key, state in self.older[cluster].items()]
        return [each for each in every if group in (None, each.group)]

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        check_target(address, port)
        states, before = self._of(cluster, group), self._port(cluster, group, address)
        if address in states and before != port:
            self.older[cluster][address, before, group] = states[address]
        self.ports[cluster, group, address] = port
        states[address] = TargetState.INITIAL

    def _port(self, cluster: Cluster, group: Group, address: str) -> int:
        return self.ports.get((cluster, group, address), 8080)

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        check_target(address, port)
        every = tuple(Group) if self.has_test_bed(cluster) else (Group.MAIN,)
        for each in (group,) if group else every:
            states = self._of(cluster, each)
            if address in states and port in (None, self._port(cluster, each, address)):
                states[address] = TargetState.DRAINING
            for key in self.older[cluster]:
                if key[0] == address and key[2] is each and port in (None, key[1]):
                    self.older[cluster][key] = TargetState.DRAINING

    def has_test_bed(self, cluster: Cluster) -> bool:
        return cluster in self.states and cluster not in self.old_stacks

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        check_weights(weights)
        self._require_test_bed(cluster, names.LISTENER)
        self.group_weights[cluster] = {group: weights.get(group, 0) for group in Group}

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        return dict(self.group_weights.get(cluster, _TO_MAIN))

    def health_path(self, cluster: Cluster) -> str | None:
        self._of(cluster)
        return self.paths[cluster]

    def drain_delays(self, cluster: Cluster) -> Mapping[Group, int]:
        self._of(cluster)
        groups = tuple(Group) if self.has_test_bed(cluster) else (Group.MAIN,)
        return {group: self.delays.get((cluster, group), _DELAY) for group in groups}

    def check_failure(self, cluster: Cluster, address: str, group: Group) -> str:
        if self.broken is not None:
            raise self.broken
        state = self._of(cluster, group).get(address)
        return self.failures.get(address, FAILED) if state is TargetState.UNHEALTHY else ""

    def settle(self) -> None:
        """Let every drain end and every health check run once."""
        for states in (*self.states.values(), *self.test_groups.values()):
            for address, state in list(states.items()):
                if state is TargetState.DRAINING and address not in self.busy:
                    del states[address]
                elif state is not TargetState.DRAINING:
                    states[address] = TargetState.UNHEALTHY if address in self.dead else TargetState.HEALTHY
        for cluster, older in self.older.items():
            self.older[cluster] = {key: state for key, state in older.items() if state is not TargetState.DRAINING}

    def _of(self, cluster: Cluster, group: Group = Group.MAIN) -> dict[str, TargetState]:
        if cluster not in self.states:
            name = names.parameter(cluster.environment, cluster.service, names.TARGET_GROUP)
            raise Unknown("cluster", str(cluster), f"Deploy its stack first, which writes the parameter {name}.")
        if group is Group.MAIN:
            return self.states[cluster]
        self._require_test_bed(cluster, f"{group}-group")
        return self.test_groups.setdefault((cluster, group), {})

    def _require_test_bed(self, cluster: Cluster, leaf: str) -> None:
        if not self.has_test_bed(cluster):
            name = names.parameter(cluster.environment, cluster.service, leaf)
            hint = f"Deploy its stack first, which writes the parameter {name}."
            raise Unknown("test bed", hint=hint, of=str(cluster))
