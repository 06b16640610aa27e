"""Clusters on the emulator, as infra/constructs/front_door.py creates them."""

from typing import Any

from apps.local.aws.clients import Clients
from lifecycle.domain.fleet.cluster import Cluster

_TEST_BED = {"test-bed-group": "--t", "control-group": "--c"}


def add_test_bed(aws: Clients, cluster: Cluster) -> None:
    """Add the target groups of a test bed, a load balancer and its listener."""
    elbv2, ssm = aws.client("elbv2"), aws.client("ssm")
    main = ssm.get_parameter(Name=f"/lifecycle/{cluster}/target-group")["Parameter"]["Value"]
    made = {leaf: target_group(aws, cluster, suffix) for leaf, suffix in _TEST_BED.items()}
    balancer = elbv2.create_load_balancer(
        Name=f"lc-p-{cluster.service}", Subnets=getattr(aws, "subnets", ["subnet-1", "subnet-2"])
    )
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": main}],
    )
    for leaf, arn in {**made, "listener": listener["Listeners"][0]["ListenerArn"]}.items():
        parameter(ssm, cluster, leaf, arn)


def parameter(ssm: Any, cluster: Cluster, leaf: str, value: str) -> None:
    """Write one of a cluster's parameters."""
    ssm.put_parameter(Name=f"/lifecycle/{cluster}/{leaf}", Value=value, Type="String")


def target_group(aws: Clients, cluster: Cluster, suffix: str) -> str:
    """Create a target group, and return its ARN."""
    group = aws.client("elbv2").create_target_group(
        Name=f"lc-p-{cluster.service}{suffix}",
        Protocol="HTTP",
        Port=80,
        VpcId=getattr(aws, "vpc", "vpc-1"),
        TargetType="ip",
        HealthCheckPath="/is_alive",
    )
    arn = str(group["TargetGroups"][0]["TargetGroupArn"])
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "60"}  # as the cluster's template sets it
    aws.client("elbv2").modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
    return arn
