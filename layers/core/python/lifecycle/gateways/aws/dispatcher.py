"""The load balancer: an ALB's target groups and listener, by the parameters of the cluster's stack."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lifecycle import names
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget, states_in
from lifecycle.domain.fleet.target_group import Group, TargetState, check_target, check_weights
from lifecycle.gateways.aws.errors import code_of, failure, translated

_LEAVES = {
    Group.MAIN: names.TARGET_GROUP,
    Group.TEST_BED: names.TEST_BED_GROUP,
    Group.CONTROL: names.CONTROL_GROUP,
}
_TEST_GROUPS = (Group.TEST_BED, Group.CONTROL)
_DELAY = "deregistration_delay.timeout_seconds"
_DEFAULT_DELAY = 300  # of an ALB
_GONE = ("TargetGroupNotFound", "ListenerNotFound")


def _name(cluster: Cluster, leaf: str) -> str:
    return names.parameter(cluster.environment, cluster.service, leaf)


@contextmanager
def _in_words(cluster: Cluster) -> Iterator[None]:
    """Name the cluster in an error of AWS."""
    try:
        yield
    except Exception as error:
        if (words := failure(error, f"the load balancer of {cluster}")) is None:
            raise
        raise words from error


@translated
class AlbDispatcher:
    """Registers and deregisters targets by the address and port of their host."""

    def __init__(self, elbv2: Any, ssm: Any) -> None:
        self._elbv2 = elbv2
        self._ssm = ssm
        self._arns: dict[tuple[Cluster, str], str] = {}
        self._without: set[Cluster] = set()

    def has_load_balancer(self, cluster: Cluster) -> bool:
        # A cluster that was without one is read afresh each time: its stack may have got a load balancer.
        if cluster not in self._without and self._parameter(cluster, _LEAVES[Group.MAIN]):
            return True
        self._without.discard(cluster)
        if self._fresh(cluster, names.WITHOUT_BALANCER) is None:
            return True
        self._without.add(cluster)
        return False

    def targets(self, cluster: Cluster, addresses: Collection[str] | None = None) -> Mapping[str, TargetState]:
        if addresses is not None:
            in_main = self.members(cluster, Group.MAIN)
            if in_main.keys() >= set(addresses):
                return {address: in_main[address] for address in addresses}
        # The main group is read last, so a target that moves there from a test group meanwhile is not missed.
        found = {**self._in_test_groups(cluster), **self.members(cluster, Group.MAIN)}
        return found if addresses is None else {each: found[each] for each in addresses if each in found}

    def target(self, cluster: Cluster, address: str) -> TargetState:
        in_main = self.members(cluster, Group.MAIN).get(address)
        return in_main or self._in_test_groups(cluster).get(address, TargetState.ABSENT)

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        if group is not Group.MAIN and not self.has_test_bed(cluster):
            return {}
        return self._members(cluster, group)

    def _members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        return states_in(self._registered(cluster, group), group)

    def registered(self, cluster: Cluster, group: Group | None = None) -> Sequence[RegisteredTarget]:
        groups = tuple(Group) if self.has_test_bed(cluster) else (Group.MAIN,)
        wanted = [each for each in groups if group in (None, each)]
        return [target for each in wanted for target in self._registered(cluster, each)]

    def _registered(self, cluster: Cluster, group: Group) -> list[RegisteredTarget]:
        found = self._call(
            cluster,
            lambda: self._elbv2.describe_target_health(TargetGroupArn=self._group(cluster, group)),
        )
        return [
            RegisteredTarget(
                each["Target"]["Id"],
                each["Target"]["Port"],
                group,
                TargetState(each["TargetHealth"]["State"].partition(".")[0]),
            )
            for each in found["TargetHealthDescriptions"]
        ]

    def _in_test_groups(self, cluster: Cluster) -> dict[str, TargetState]:
        """Return the targets of the test bed's group and its control's."""
        both = [self._members(cluster, group) for group in _TEST_GROUPS] if self.has_test_bed(cluster) else []
        found = {address: state for states in both for address, state in states.items()}
        healthy = {a: TargetState.TEST_GROUP for a, state in found.items() if state is TargetState.HEALTHY}
        return found | healthy

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        check_target(address, port)
        targets = [self._described(cluster, address, port)]
        self._call(
            cluster,
            lambda: self._elbv2.register_targets(TargetGroupArn=self._group(cluster, group), Targets=targets),
        )

    def _described(self, cluster: Cluster, address: str, port: int) -> dict[str, Any]:
        """Return a target as ELB names it.

        An address outside of the load balancer's VPC needs the zone `all`, and any other address must not have it
        (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetDescription.html).
        """
        outside = self._parameter(cluster, names.TARGET_ZONE) == names.OUTSIDE_VPC
        zone = {"AvailabilityZone": names.OUTSIDE_VPC} if outside else {}
        return {"Id": address, "Port": port, **zone}

    def deregister(self, cluster: Cluster, address: str, port: int | None = None, group: Group | None = None) -> None:
        check_target(address, port)
        every = tuple(Group) if self.has_test_bed(cluster) else (Group.MAIN,)
        for each in (group,) if group else every:
            # The call ignores a target that is not in the group, so no read is needed for a known port.
            ports = self._ports(cluster, address, each) if port is None else {port}
            self._deregister(cluster, each, [self._described(cluster, address, found) for found in sorted(ports)])

    def _ports(self, cluster: Cluster, address: str, group: Group) -> set[int]:
        registered = self._registered(cluster, group)
        return {each.port for each in registered if each.address == address and each.state.in_rotation}

    def _deregister(self, cluster: Cluster, group: Group, targets: Sequence[Mapping[str, Any]]) -> None:
        if not targets:
            return
        self._call(
            cluster,
            lambda: self._elbv2.deregister_targets(TargetGroupArn=self._group(cluster, group), Targets=targets),
        )

    def has_test_bed(self, cluster: Cluster) -> bool:
        # A missing parameter is read again each time, because the stack may be updated meanwhile.
        leaves = (names.LISTENER, *(_LEAVES[group] for group in _TEST_GROUPS))
        return all(self._parameter(cluster, leaf) for leaf in leaves)

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        check_weights(weights)

        def modify() -> None:
            # Every group is named: an ALB checks the targets of only those groups that a listener names.
            groups = [
                {"TargetGroupArn": self._group(cluster, group), "Weight": weights.get(group, 0)} for group in Group
            ]
            action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
            self._elbv2.modify_listener(ListenerArn=self._required(cluster, names.LISTENER), DefaultActions=[action])

        self._call(cluster, modify)

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        if not self.has_test_bed(cluster):
            return {group: int(group is Group.MAIN) for group in Group}
        found = self._call(
            cluster,
            lambda: self._elbv2.describe_listeners(ListenerArns=[self._required(cluster, names.LISTENER)]),
        )
        action = found["Listeners"][0]["DefaultActions"][0]
        # Of an action with one group, an ALB returns the weight too; the emulator does not.
        single = {"TargetGroups": [{"TargetGroupArn": action.get("TargetGroupArn"), "Weight": 1}]}
        forward = action.get("ForwardConfig", single)
        found_weights = {each["TargetGroupArn"]: each["Weight"] for each in forward["TargetGroups"]}
        return {group: found_weights.get(self._group(cluster, group), 0) for group in Group}

    def health_path(self, cluster: Cluster) -> str | None:
        found = self._call(
            cluster,
            lambda: self._elbv2.describe_target_groups(TargetGroupArns=[self._group(cluster, Group.MAIN)]),
        )
        path: str | None = found["TargetGroups"][0].get("HealthCheckPath")
        return path

    def drain_delays(self, cluster: Cluster) -> Mapping[Group, int]:
        groups = tuple(Group) if self.has_test_bed(cluster) else (Group.MAIN,)
        return {group: self._drain_delay(cluster, group) for group in groups}

    def _drain_delay(self, cluster: Cluster, group: Group) -> int:
        found = self._call(
            cluster,
            lambda: self._elbv2.describe_target_group_attributes(TargetGroupArn=self._group(cluster, group)),
        )
        values = {each["Key"]: each["Value"] for each in found["Attributes"]}
        return int(values.get(_DELAY, _DEFAULT_DELAY))

    def check_failure(self, cluster: Cluster, address: str, group: Group) -> str:
        found = self._call(
            cluster,
            lambda: self._elbv2.describe_target_health(TargetGroupArn=self._group(cluster, group)),
        )
        health = [
            each["TargetHealth"] for each in found["TargetHealthDescriptions"] if each["Target"]["Id"] == address
        ]
        texts = [(each.get("Description", ""), each.get("Reason", "")) for each in health]
        return "; ".join(f"{text} ({code})" if code else text for text, code in texts if text or code)

    def _call(self, cluster: Cluster, call: Callable[[], Any]) -> Any:
        """Return the answer to a call.

        After the cluster's stack was deleted and deployed again, the ARNs that were read before name nothing. They
        are then read again, once.
        """
        with _in_words(cluster):
            try:
                return call()
            except Exception as error:
                if code_of(error) not in _GONE:
                    raise
            self._arns = {key: arn for key, arn in self._arns.items() if key[0] != cluster}
            return call()

    def _group(self, cluster: Cluster, group: Group) -> str:
        return self._required(cluster, _LEAVES[group])

    def _required(self, cluster: Cluster, leaf: str) -> str:
        """Return an ARN; raises Unknown if the cluster's stack does not exist, or is too old to have it."""
        if found := self._parameter(cluster, leaf):
            return found
        hint = f"Deploy its stack first, which writes the parameter {_name(cluster, leaf)}."
        if leaf == _LEAVES[Group.MAIN]:
            raise Unknown("cluster", str(cluster), hint)
        raise Unknown("test bed", hint=hint, of=str(cluster))

    def _parameter(self, cluster: Cluster, leaf: str) -> str | None:
        """Return the value that the cluster's stack wrote. It does not change while the stack exists; see `_call`."""
        key = (cluster, leaf)
        if key not in self._arns:
            if (found := self._fresh(cluster, leaf)) is None:
                return None
            self._arns[key] = found
        return self._arns[key]

    def _fresh(self, cluster: Cluster, leaf: str) -> str | None:
        try:
            found = self._ssm.get_parameter(Name=_name(cluster, leaf))
        except Exception as error:
            if code_of(error) != "ParameterNotFound":
                raise
            return None
        value: str = found["Parameter"]["Value"]
        return value
