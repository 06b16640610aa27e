"""What a look at the load balancer costs: an ALB's Describe calls refill at 10 a second for a whole account."""

from typing import Any

from botocore.exceptions import ClientError

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.gateways.aws.dispatcher import AlbDispatcher

CLUSTER = Cluster("production", "hello")
LEAVES = {"target-group": "main", "test-bed-group": "bed", "control-group": "control", "listener": "listener"}
A, B = "127.0.10.1", "127.0.10.2"


class Balancer:
    """An ELBv2 client whose `targets` are healthy, and that counts what it is asked."""

    def __init__(self, **targets: list[str]) -> None:
        self.targets = targets
        self.calls: list[str] = []

    def describe_target_health(self, *, TargetGroupArn: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.calls.append(TargetGroupArn)
        found = self.targets.get(TargetGroupArn, [])
        health = {"State": "healthy"}
        return {"TargetHealthDescriptions": [{"Target": {"Id": a}, "TargetHealth": health} for a in found]}


class Parameters:
    """An SSM client that has these leaves, and that counts what it is asked."""

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
        return {"Parameter": {"Value": LEAVES[leaf]}}


def test_a_target_of_the_main_group_is_polled_with_one_call() -> None:
    balancer = Balancer(main=[A], bed=[B])
    dispatcher = AlbDispatcher(balancer, Parameters(*LEAVES))
    assert dispatcher.target(CLUSTER, A) is TargetState.HEALTHY
    assert balancer.calls == ["main"]


def test_a_whole_look_takes_three_calls_and_no_more_parameters_than_once() -> None:
    balancer, parameters = Balancer(main=[A], bed=[B]), Parameters(*LEAVES)
    dispatcher = AlbDispatcher(balancer, parameters)
    for _ in range(3):
        assert dispatcher.targets(CLUSTER) == {A: TargetState.HEALTHY, B: TargetState.TEST_GROUP}
    assert balancer.calls == ["bed", "control", "main"] * 3
    assert sorted(parameters.calls) == sorted(LEAVES)


def test_an_older_cluster_costs_what_it_did_and_is_found_again_when_its_stack_is_new() -> None:
    balancer, parameters = Balancer(main=[A]), Parameters("target-group")
    dispatcher = AlbDispatcher(balancer, parameters)
    assert dispatcher.targets(CLUSTER) == {A: TargetState.HEALTHY}
    assert balancer.calls == ["main"]
    assert parameters.calls == ["listener", "target-group"]
    parameters.leaves = tuple(LEAVES)
    assert dispatcher.has_test_bed(CLUSTER)
    assert dispatcher.members(CLUSTER, Group.TEST_BED) == {}
