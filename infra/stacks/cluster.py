"""A cluster: its front, its host role, and on EC2 its hosts.

`lifecycle-cluster` is one template for every cluster whose hosts somebody brings; it is deployed once a cluster,
as `lifecycle-<environment>-<service>`. The clusters of the context get a stack of that name with EC2 hosts.
"""

from aws_cdk import CfnMapping, CfnOutput, CfnParameter, DefaultStackSynthesizer, Stack
from constructs import Construct

from infra.constructs.alarms import Alarms, Thresholds
from infra.constructs.front_door import ClusterValues, FrontDoor
from infra.constructs.host_role import HostRole
from infra.constructs.hosts import Hosts
from infra.settings import ClusterSettings
from lifecycle.names import ENVIRONMENT_LETTERS


class ByoClusterStack(Stack):
    """A cluster of hosts that exist already (bring your own): everything that differs is a parameter."""

    def __init__(self, scope: Construct, construct_id: str, *, emulated: bool = False) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Lifecycle: the front and the host role of one cluster",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        values = self._values()
        front = FrontDoor(self, "Front", values)
        host = HostRole(self, "Host", values)
        Alarms(self, "Alarms", values.name, front, self._thresholds(), emulated=emulated)
        _tell(self, front, host)

    def _thresholds(self) -> Thresholds:
        return Thresholds(
            error_percent=self._number(
                "MostErrorPercent", "Alarm above: percent of requests answered 5xx", 2
            ),
            latency_seconds=self._number("MostLatencySeconds", "Alarm above: the 99th percentile", 2),
            unhealthy_hosts=self._number("MostUnhealthyHosts", "Alarm above: hosts that fail their check", 0),
        )

    def _values(self) -> ClusterValues:
        letters = CfnMapping(
            self,
            "Letters",
            mapping={name: {"letter": letter} for name, letter in ENVIRONMENT_LETTERS.items()},
        )
        self._text("Service", "The service's name", allowed_pattern="[a-z][a-z0-9-]{0,23}")
        environment = self._text("Environment", "Its environment", allowed_values=list(ENVIRONMENT_LETTERS))
        return ClusterValues(
            service="${Service}",
            environment="${Environment}",
            letter=letters.find_in_map(environment, "letter"),
            vpc_id=self._text("VpcId", "Where the hosts are", type="AWS::EC2::VPC::Id"),
            subnet_ids=CfnParameter(
                self,
                "SubnetIds",
                type="List<AWS::EC2::Subnet::Id>",
                description="At least two subnets of the load balancer, in different zones",
            ).value_as_list,
            listener_port=self._number("ListenerPort", "Where the load balancer listens", 80),
            scheme=self._text(
                "Scheme",
                "Who reaches the load balancer: the VPC, or the internet",
                default="internal",
                allowed_values=["internal", "internet-facing"],
            ),
            allowed_cidr=self._text("AllowedCidr", "Who may call the service", default="10.0.0.0/8"),
            is_alive_path=self._text("IsAlivePath", "The health check's path", default="/is_alive"),
            drain_seconds=self._number("DrainSeconds", "The service's longest request", 60),
            certificate_arn=self._text("CertificateArn", "For HTTPS; empty for HTTP", default=""),
            address=self._text("Address", "How callers reach it, if not by the load balancer", default=""),
        )

    def _text(self, name: str, description: str, *, type: str = "String", **more: object) -> str:  # noqa: A002
        return CfnParameter(self, name, type=type, description=description, **more).value_as_string  # type: ignore[arg-type]

    def _number(self, name: str, description: str, default: int) -> float:
        return CfnParameter(
            self, name, type="Number", description=description, default=default
        ).value_as_number


class AsgClusterStack(Stack):
    """A cluster of EC2 hosts that install Lifecycle's agent themselves."""

    def __init__(self, scope: Construct, construct_id: str, cluster: ClusterSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Lifecycle: the cluster {cluster.environment}/{cluster.service}",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        values = ClusterValues(
            service=cluster.service,
            environment=cluster.environment,
            letter=ENVIRONMENT_LETTERS[cluster.environment],
            vpc_id=cluster.vpc_id,
            subnet_ids=list(cluster.subnet_ids),
            listener_port=cluster.listener_port,
            scheme="internal" if cluster.internal else "internet-facing",
            allowed_cidr=cluster.allowed_cidr,
            is_alive_path=cluster.is_alive_path,
            drain_seconds=cluster.drain_seconds,
            certificate_arn=cluster.certificate_arn,
            address="",
        )
        front = FrontDoor(self, "Front", values)
        most = Thresholds(
            cluster.most_error_percent, cluster.most_latency_seconds, cluster.most_unhealthy_hosts
        )
        Alarms(self, "Alarms", values.name, front, most)
        host = HostRole(self, "Host", values, on_ec2=True)
        Hosts(self, "Hosts", cluster, role=host.role, front=front)
        _tell(self, front, host)


def _tell(stack: Stack, front: FrontDoor, host: HostRole) -> None:
    CfnOutput(stack, "ServiceAddress", value=front.address)
    CfnOutput(stack, "TargetGroupArn", value=front.target_group.ref)
    CfnOutput(stack, "LoadBalancerSecurityGroup", value=front.security_group.attr_group_id)
    CfnOutput(stack, "HostRoleArn", value=host.role.role_arn)
