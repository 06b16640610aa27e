"""The load balancer: target groups and listener of an ALB, told by the parameters that the cluster's stack wrote."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from lifecycle import names
from lifecycle.domain.errors import StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState

_LEAVES = {
    Group.MAIN: names.TARGET_GROUP,
    Group.TEST_BED: names.TEST_BED_GROUP,
    Group.CONTROL: names.CONTROL_GROUP,
}
_ASIDE = (Group.TEST_BED, Group.CONTROL)


def _name(cluster: Cluster, leaf: str) -> str:
    return names.parameter(cluster.environment, cluster.service, leaf)


@contextmanager
def _refusals(call: str, cluster: Cluster) -> Iterator[None]:
    """A refusal in the words of an operator: a missing grant or target group is theirs to mend."""
    try:
        yield
    except ClientError as error:
        raise StoreRefused(f"the load balancer of {cluster} refused {call}: {error}") from error


class AlbDispatcher:
    """Registers and deregisters targets by the address and port of their host."""

    def __init__(self, elbv2: Any, ssm: Any) -> None:
        self._elbv2 = elbv2
        self._ssm = ssm
        self._named: dict[tuple[Cluster, str], str] = {}

    def targets(self, cluster: Cluster) -> Mapping[str, TargetState]:
        return {**self._aside(cluster), **self.members(cluster, Group.MAIN)}

    def target(self, cluster: Cluster, address: str) -> TargetState:
        here = self.members(cluster, Group.MAIN).get(address)
        return here or self._aside(cluster).get(address, TargetState.ABSENT)

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        if group is not Group.MAIN and not self.has_test_bed(cluster):
            return {}
        return self._members(cluster, group)

    def _members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        with _refusals("DescribeTargetHealth", cluster):
            found = self._elbv2.describe_target_health(TargetGroupArn=self._group(cluster, group))
        return {
            each["Target"]["Id"]: TargetState(each["TargetHealth"]["State"].partition(".")[0])
            for each in found["TargetHealthDescriptions"]
        }

    def _aside(self, cluster: Cluster) -> dict[str, TargetState]:
        """The targets of the other two groups."""
        both = [self._members(cluster, group) for group in _ASIDE] if self.has_test_bed(cluster) else []
        found = {address: state for states in both for address, state in states.items()}
        aside = {a: TargetState.TEST_GROUP for a, state in found.items() if state is TargetState.HEALTHY}
        return found | aside

    def register(self, cluster: Cluster, address: str, port: int, group: Group = Group.MAIN) -> None:
        target = {"Id": address, "Port": port}
        with _refusals("RegisterTargets", cluster):
            self._elbv2.register_targets(TargetGroupArn=self._group(cluster, group), Targets=[target])

    def deregister(self, cluster: Cluster, address: str, port: int, group: Group | None = None) -> None:
        # Of a target that is not in the group, the call says nothing: that is cheaper than a look.
        every = tuple(Group) if self.has_test_bed(cluster) else (Group.MAIN,)
        target = {"Id": address, "Port": port}
        for each in (group,) if group else every:
            with _refusals("DeregisterTargets", cluster):
                self._elbv2.deregister_targets(TargetGroupArn=self._group(cluster, each), Targets=[target])

    def has_test_bed(self, cluster: Cluster) -> bool:
        # What is missing is asked for again each time: the stack may be brought up to date meanwhile.
        leaves = (names.LISTENER, *(_LEAVES[group] for group in _ASIDE))
        return all(self._parameter(cluster, leaf) for leaf in leaves)

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        # A group that is left out could get no target tested: an ALB checks the groups that a listener names.
        shares = [
            {"TargetGroupArn": self._group(cluster, group), "Weight": weights.get(group, 0)}
            for group in Group
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}
        with _refusals("ModifyListener", cluster):
            self._elbv2.modify_listener(
                ListenerArn=self._need(cluster, names.LISTENER), DefaultActions=[action]
            )

    def weights(self, cluster: Cluster) -> Mapping[Group, int]:
        if not self.has_test_bed(cluster):
            return {group: int(group is Group.MAIN) for group in Group}
        with _refusals("DescribeListeners", cluster):
            found = self._elbv2.describe_listeners(ListenerArns=[self._need(cluster, names.LISTENER)])
        action = found["Listeners"][0]["DefaultActions"][0]
        # The emulator does not tell of an action that names one group what an ALB does: that it has all.
        alone = {"TargetGroups": [{"TargetGroupArn": action.get("TargetGroupArn"), "Weight": 1}]}
        forward = action.get("ForwardConfig", alone)
        shares = {each["TargetGroupArn"]: each["Weight"] for each in forward["TargetGroups"]}
        return {group: shares.get(self._group(cluster, group), 0) for group in Group}

    def health_path(self, cluster: Cluster) -> str | None:
        found = self._elbv2.describe_target_groups(TargetGroupArns=[self._group(cluster, Group.MAIN)])
        path: str | None = found["TargetGroups"][0].get("HealthCheckPath")
        return path

    def _group(self, cluster: Cluster, group: Group) -> str:
        return self._need(cluster, _LEAVES[group])

    def _need(self, cluster: Cluster, leaf: str) -> str:
        """An ARN; raises Unknown when the cluster's stack is not there, or is too old to have named it."""
        if found := self._parameter(cluster, leaf):
            return found
        what = ("cluster", str(cluster)) if leaf == _LEAVES[Group.MAIN] else ("test bed", f"of {cluster}")
        raise Unknown(*what, f"deploy its stack first, which writes the parameter {_name(cluster, leaf)}")

    def _parameter(self, cluster: Cluster, leaf: str) -> str | None:
        """What the cluster's stack wrote; it does not change while the stack stands."""
        key = (cluster, leaf)
        if key not in self._named:
            try:
                found = self._ssm.get_parameter(Name=_name(cluster, leaf))
            except self._ssm.exceptions.ParameterNotFound:
                return None
            self._named[key] = found["Parameter"]["Value"]
        return self._named[key]
