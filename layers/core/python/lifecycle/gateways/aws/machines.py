"""Instances of Auto Scaling groups, and their private addresses as EC2 knows them."""

from collections.abc import Mapping
from typing import Any

from lifecycle import names
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.errors import translated

# A filter of EC2 takes 200 values.
_AT_ONCE = 200


@translated
class Ec2Machines:
    """A cluster has an Auto Scaling group if its stack wrote the parameter with the group's name."""

    def __init__(self, auto_scaling: Any, ec2: Any, ssm: Any) -> None:
        self._auto_scaling = auto_scaling
        self._ec2 = ec2
        self._ssm = ssm

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        try:
            name = names.parameter(cluster.environment, cluster.service, names.AUTO_SCALING_GROUP)
            group = self._ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except self._ssm.exceptions.ParameterNotFound:
            return None
        found = self._auto_scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
        instances = [each["InstanceId"] for each in (found[0]["Instances"] if found else ())]
        addresses: dict[str, str] = {}
        for first in range(0, len(instances), _AT_ONCE):
            # A filter, because a call by identifiers fails as a whole for one that does not exist any more.
            wanted = [{"Name": "instance-id", "Values": instances[first : first + _AT_ONCE]}]
            for page in self._ec2.get_paginator("describe_instances").paginate(Filters=wanted):
                machines = [each for reserved in page["Reservations"] for each in reserved["Instances"]]
                addresses |= {m["InstanceId"]: m["PrivateIpAddress"] for m in machines if m.get("PrivateIpAddress")}
        return addresses
