"""The number of Describe calls for a load balancer: they refill at 10 per second for a whole AWS account."""

from typing import Any

from botocore.exceptions import ClientError

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.gateways.aws.dispatcher import AlbDispatcher

CLUSTER = Cluster("production", "hello")
LEAVES = {"target-group": "main", "test-bed-group": "bed", "control-group": "control", "listener": "listener"}
OUTSIDE = {**LEAVES, "target-zone": "all"}
A, B = "127.0.10.1", "127.0.10.2"


class Balancer:
    """An ELBv2 client with healthy `targets` that counts its calls."""

    def __init__(self, **targets: list[str]) -> None:
        self.targets = targets
        self.calls: list[str] = []
        self.changed: list[tuple[str, list[dict[str, Any]]]] = []

    def register_targets(self, *, TargetGroupArn: str, Targets: list[dict[str, Any]]) -> None:  # noqa: N803
        self.changed.append((TargetGroupArn, Targets))

    deregister_targets = register_targets

    def describe_target_health(self, *, TargetGroupArn: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.calls.append(TargetGroupArn)
        found = self.targets.get(TargetGroupArn, [])
        health = {"State": "healthy"}
        return {
            "TargetHealthDescriptions": [{"Target": {"Id": a, "Port": 8080}, "TargetHealth": health} for a in found]
        }


class Parameters:
    """An SSM client with these leaves that counts its calls."""

    class exceptions:  # noqa: D106, N801 - as boto3 has it
        ParameterNotFound = ClientError

    def __init__(self, *leaves: str) -> None:
        self.leaves = leaves
        self.calls: list[str] = []

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        leaf = Name.rpartition("/")[2]
        self.calls.append(leaf)
        if leaf not in self.leaves:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": OUTSIDE[leaf]}}


def test_target_of_the_main_group_is_polled_with_one_call() -> None:
    balancer = Balancer(main=[A], bed=[B])
    dispatcher = AlbDispatcher(balancer, Parameters(*LEAVES))
    assert dispatcher.target(CLUSTER, A) is TargetState.HEALTHY
    assert balancer.calls == ["main"]


def test_reading_all_groups_takes_three_calls_and_reads_parameters_once() -> None:
    balancer, parameters = Balancer(main=[A], bed=[B]), Parameters(*LEAVES)
    dispatcher = AlbDispatcher(balancer, parameters)
    for _ in range(3):
        assert dispatcher.targets(CLUSTER) == {A: TargetState.HEALTHY, B: TargetState.TEST_GROUP}
    assert balancer.calls == ["bed", "control", "main"] * 3
    assert sorted(parameters.calls) == sorted(LEAVES)


def test_reading_targets_that_are_all_in_the_main_group_takes_one_call() -> None:
    balancer = Balancer(main=[A, B], bed=[B])
    dispatcher = AlbDispatcher(balancer, Parameters(*LEAVES))
    assert dispatcher.targets(CLUSTER, [A, B]) == {A: TargetState.HEALTHY, B: TargetState.HEALTHY}
    assert dispatcher.targets(CLUSTER, []) == {}
    assert balancer.calls == ["main", "main"]


def test_the_main_group_is_read_last_when_a_target_is_not_in_it() -> None:
    balancer = Balancer(main=[A], bed=[B])
    dispatcher = AlbDispatcher(balancer, Parameters(*LEAVES))
    assert dispatcher.targets(CLUSTER, [B, "127.0.10.9"]) == {B: TargetState.TEST_GROUP}
    assert balancer.calls == ["main", "bed", "control", "main"]


def test_older_stack_takes_one_call_until_it_is_updated() -> None:
    balancer, parameters = Balancer(main=[A]), Parameters("target-group")
    dispatcher = AlbDispatcher(balancer, parameters)
    assert dispatcher.targets(CLUSTER) == {A: TargetState.HEALTHY}
    assert balancer.calls == ["main"]
    assert parameters.calls == ["listener", "target-group"]
    parameters.leaves = tuple(LEAVES)
    assert dispatcher.has_test_bed(CLUSTER)
    assert dispatcher.members(CLUSTER, Group.TEST_BED) == {}


def test_target_outside_of_the_vpc_is_named_with_the_zone_all() -> None:
    """ELB refuses such an address without it, and an address of the VPC with it."""
    balancer = Balancer(main=[A])
    dispatcher = AlbDispatcher(balancer, Parameters(*OUTSIDE))
    dispatcher.register(CLUSTER, A, 8080)
    dispatcher.deregister(CLUSTER, A, 8080, Group.MAIN)
    target = {"Id": A, "Port": 8080, "AvailabilityZone": "all"}
    assert balancer.changed == [("main", [target])] * 2


def test_target_in_the_vpc_has_no_zone() -> None:
    balancer = Balancer(main=[A])
    AlbDispatcher(balancer, Parameters("target-group")).register(CLUSTER, A, 8080)
    assert balancer.changed == [("main", [{"Id": A, "Port": 8080}])]
