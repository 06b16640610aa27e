"""Instances of Auto Scaling groups, and their private addresses as EC2 knows them."""

from collections.abc import Mapping
from typing import Any

from lifecycle import names
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.errors import code_of, translated

# A filter of EC2 takes 200 values, and a call that protects instances 50.
_AT_ONCE = 200
_PROTECTED_AT_ONCE = 50
_REBALANCING = "AZRebalance"


@translated
class Ec2Machines:
    """A cluster has an Auto Scaling group if its stack wrote the parameter with the group's name."""

    def __init__(self, auto_scaling: Any, ec2: Any, ssm: Any) -> None:
        self._auto_scaling = auto_scaling
        self._ec2 = ec2
        self._ssm = ssm

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        if (group := self._group_name(cluster)) is None:
            return None
        instances = [each["InstanceId"] for each in self._group(group).get("Instances", ())]
        addresses: dict[str, str] = {}
        for first in range(0, len(instances), _AT_ONCE):
            # A filter, because a call by identifiers fails as a whole for one that does not exist any more.
            wanted = [{"Name": "instance-id", "Values": instances[first : first + _AT_ONCE]}]
            for page in self._ec2.get_paginator("describe_instances").paginate(Filters=wanted):
                machines = [each for reserved in page["Reservations"] for each in reserved["Instances"]]
                addresses |= {m["InstanceId"]: m["PrivateIpAddress"] for m in machines if m.get("PrivateIpAddress")}
        return addresses

    def is_ending(self, cluster: Cluster, host: str) -> bool:
        if (group := self._group_name(cluster)) is None:
            return False
        instances = self._group(group).get("Instances", ())
        return any(
            each["InstanceId"] == host and each["LifecycleState"].startswith("Terminating") for each in instances
        )

    def let_end(self, cluster: Cluster, host: str) -> None:
        if (group := self._group_name(cluster)) is None:
            return
        try:
            self._auto_scaling.complete_lifecycle_action(
                AutoScalingGroupName=group,
                LifecycleHookName=names.TERMINATION_HOOK,
                InstanceId=host,
                LifecycleActionResult="CONTINUE",
            )
        except Exception as error:
            # The hook has timed out, another call has completed it, or the instance is gone.
            if code_of(error) != "ValidationError":
                raise

    def guard(self, cluster: Cluster, *, at_work: bool) -> None:
        if (name := self._group_name(cluster)) is None or not (group := self._group(name)):
            return
        if _REBALANCING not in {each["ProcessName"] for each in group.get("SuspendedProcesses", ())}:
            self._auto_scaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=[_REBALANCING])
        # Auto Scaling refuses the call as a whole for an instance that is not in service.
        others = [
            each["InstanceId"]
            for each in group.get("Instances", ())
            if each["LifecycleState"] == "InService" and each.get("ProtectedFromScaleIn", False) is not at_work
        ]
        for first in range(0, len(others), _PROTECTED_AT_ONCE):
            self._auto_scaling.set_instance_protection(
                AutoScalingGroupName=name,
                InstanceIds=others[first : first + _PROTECTED_AT_ONCE],
                ProtectedFromScaleIn=at_work,
            )

    def _group_name(self, cluster: Cluster) -> str | None:
        name = names.parameter(cluster.environment, cluster.service, names.AUTO_SCALING_GROUP)
        try:
            group: str = self._ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except self._ssm.exceptions.ParameterNotFound:
            return None
        return group

    def _group(self, name: str) -> Mapping[str, Any]:
        """Return the group as Auto Scaling describes it; empty if there is none of that name."""
        found = self._auto_scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        group: Mapping[str, Any] = found[0] if found else {}
        return group
