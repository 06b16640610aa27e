"""The load balancer: target groups of an ALB, told by the parameter that the cluster's stack wrote."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from lifecycle.domain.capacity import TargetState
from lifecycle.domain.errors import StoreRefused, Unknown
from lifecycle.domain.fleet import Cluster


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
        self._groups: dict[Cluster, str] = {}

    def targets(self, cluster: Cluster) -> Mapping[str, TargetState]:
        with _refusals("DescribeTargetHealth", cluster):
            found = self._elbv2.describe_target_health(TargetGroupArn=self._group(cluster))
        return {
            each["Target"]["Id"]: TargetState(each["TargetHealth"]["State"].partition(".")[0])
            for each in found["TargetHealthDescriptions"]
        }

    def register(self, cluster: Cluster, address: str, port: int) -> None:
        target = {"Id": address, "Port": port}
        with _refusals("RegisterTargets", cluster):
            self._elbv2.register_targets(TargetGroupArn=self._group(cluster), Targets=[target])

    def deregister(self, cluster: Cluster, address: str, port: int) -> None:
        target = {"Id": address, "Port": port}
        with _refusals("DeregisterTargets", cluster):
            self._elbv2.deregister_targets(TargetGroupArn=self._group(cluster), Targets=[target])

    def health_path(self, cluster: Cluster) -> str | None:
        found = self._elbv2.describe_target_groups(TargetGroupArns=[self._group(cluster)])
        path: str | None = found["TargetGroups"][0].get("HealthCheckPath")
        return path

    def _group(self, cluster: Cluster) -> str:
        """The target group's ARN; it does not change while the cluster's stack stands."""
        if cluster not in self._groups:
            name = f"/lifecycle/{cluster}/target-group"
            try:
                found = self._ssm.get_parameter(Name=name)
            except self._ssm.exceptions.ParameterNotFound as error:
                hint = f"deploy its stack first, which writes the parameter {name}"
                raise Unknown("cluster", str(cluster), hint) from error
            self._groups[cluster] = found["Parameter"]["Value"]
        return self._groups[cluster]
