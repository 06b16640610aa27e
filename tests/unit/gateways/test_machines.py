"""Instances of Auto Scaling groups, over scripted clients: no emulator has them behind a cluster's stack."""

from typing import Any

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.machines import Ec2Machines

HELLO = Cluster("production", "hello")


class Account:
    """A group of instances; EC2 does not know the last one any more, and the one before it has no address yet."""

    class exceptions:  # noqa: N801, D106 (as in boto3)
        ParameterNotFound = KeyError

    def __init__(self, instances: int) -> None:
        self.instances = [f"i-{number:04}" for number in range(instances)]
        self.filters: list[int] = []
        self.asked: list[str] = []

    def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803
        return {"Parameter": {"Value": {"/lifecycle/production/hello/auto-scaling-group": "the-group"}[Name]}}

    def describe_auto_scaling_groups(self, AutoScalingGroupNames: list[str]) -> dict[str, Any]:  # noqa: N803
        self.asked += AutoScalingGroupNames
        return {"AutoScalingGroups": [{"Instances": [{"InstanceId": each} for each in self.instances]}]}

    def get_paginator(self, _: str) -> "Account":
        return self

    def paginate(self, Filters: list[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N803
        wanted = Filters[0]["Values"]
        self.filters.append(len(wanted))
        gone, pending = self.instances[-1], self.instances[-2]
        addresses = {each: {"PrivateIpAddress": f"10.0.{int(each[2:])}.1"} for each in wanted if each != pending}
        found = [{"InstanceId": each, **addresses.get(each, {})} for each in wanted if each != gone]
        return [{"Reservations": [{"Instances": found[:1]}]}, {"Reservations": [{"Instances": found[1:]}]}]


def test_each_instance_has_the_address_that_ec2_names() -> None:
    account = Account(5)
    machines = Ec2Machines(account, account, account)
    assert machines.addresses(HELLO) == {"i-0000": "10.0.0.1", "i-0001": "10.0.1.1", "i-0002": "10.0.2.1"}
    assert account.asked == ["the-group"]


def test_many_instances_are_asked_for_in_groups() -> None:
    account = Account(450)
    found = Ec2Machines(account, account, account).addresses(HELLO)
    assert found is not None
    assert len(found) == 448
    assert account.filters == [200, 200, 50]


def test_cluster_without_the_parameter_has_no_group() -> None:
    account = Account(5)
    assert Ec2Machines(account, account, account).addresses(Cluster("staging", "hello")) is None
    assert account.asked == []
