"""A cluster: its load balancer, its alarms, its host role, its log, and on EC2 its hosts.

`lifecycle-cluster` is the template of every cluster whose hosts exist already. It is deployed once for each,
as `lifecycle-<environment>-<service>`. The clusters of the context get a stack of that name with EC2 hosts.
A cluster of a service without HTTP has no load balancer and no alarms; its template is `lifecycle-worker-cluster`.
"""

from aws_cdk import CfnMapping, CfnOutput, CfnParameter, DefaultStackSynthesizer, Stack
from constructs import Construct

from infra.cdk_json import ClusterSettings
from infra.constructs.alarms import Alarms, Thresholds
from infra.constructs.front_door import ClusterName, ClusterValues, FrontDoor, NoFrontDoor
from infra.constructs.host_role import HostRole
from infra.constructs.hosts import Hosts
from infra.constructs.service_log import ServiceLog
from lifecycle import names
from lifecycle.names import ENVIRONMENT_LETTERS


class ByoClusterStack(Stack):
    """A cluster of hosts that exist already (bring your own); all differences are parameters."""

    def __init__(self, scope: Construct, construct_id: str, *, emulated: bool = False) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Lifecycle: the load balancer, alarms and host role of one cluster",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        values = self._values()
        front = FrontDoor(self, "Front", values)
        host = HostRole(self, "Host", values)
        ServiceLog(self, "ServiceLog", values)
        Alarms(self, "Alarms", values.name, front, self._thresholds(), emulated=emulated)
        _outputs(self, front, host)

    def _thresholds(self) -> Thresholds:
        return Thresholds(
            error_percent=self._number("MostErrorPercent", "Alarm above this percentage of failed requests", 2),
            latency_seconds=self._number(
                "MostLatencySeconds", "Alarm above this 99th percentile of latency, in seconds", 2
            ),
            unhealthy_hosts=self._number(
                "MostUnhealthyHosts", "Alarm above this number of hosts that fail their health check", 0
            ),
        )

    def _values(self) -> ClusterValues:
        letters = CfnMapping(
            self, "Letters", mapping={name: {"letter": letter} for name, letter in ENVIRONMENT_LETTERS.items()}
        )
        environment = _name_parameters(self)
        return ClusterValues(
            service="${Service}",
            environment="${Environment}",
            letter=letters.find_in_map(environment, "letter"),
            vpc_id=self._text("VpcId", "VPC of the hosts", type="AWS::EC2::VPC::Id"),
            subnet_ids=CfnParameter(
                self,
                "SubnetIds",
                type="List<AWS::EC2::Subnet::Id>",
                description="At least two subnets of the load balancer, in different zones",
            ).value_as_list,
            listener_port=self._number("ListenerPort", "Port of the load balancer", 80),
            scheme=self._text(
                "Scheme",
                "Whether the load balancer is reached from the VPC or from the internet",
                default="internal",
                allowed_values=["internal", "internet-facing"],
            ),
            allowed_cidr=self._text("AllowedCidr", "Addresses that may call the service", default="10.0.0.0/8"),
            is_alive_path=self._text("IsAlivePath", "Path of the health check", default="/is_alive"),
            drain_seconds=self._number(
                "DrainSeconds", "Seconds that the longest request of the service may take", 60
            ),
            certificate_arn=self._text("CertificateArn", "Certificate for HTTPS; empty for HTTP", default=""),
            target_zone=self._text(
                "TargetZone",
                "Whether the hosts are in the VPC, or outside of it: in a peered VPC, or in a data centre",
                default=names.IN_VPC,
                allowed_values=[names.IN_VPC, names.OUTSIDE_VPC],
            ),
            address=self._text(
                "Address", "URL by which callers reach the service; empty for that of the load balancer", default=""
            ),
        )

    def _text(self, name: str, description: str, *, type: str = "String", **more: object) -> str:  # noqa: A002
        return CfnParameter(self, name, type=type, description=description, **more).value_as_string  # type: ignore[arg-type]

    def _number(self, name: str, description: str, default: int) -> float:
        return CfnParameter(self, name, type="Number", description=description, default=default).value_as_number


class AsgClusterStack(Stack):
    """A cluster of EC2 hosts, which install Lifecycle's agent at boot."""

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
        most = Thresholds(cluster.most_error_percent, cluster.most_latency_seconds, cluster.most_unhealthy_hosts)
        Alarms(self, "Alarms", values.name, front, most)
        host = HostRole(self, "Host", values, on_ec2=True)
        ServiceLog(self, "ServiceLog", values)
        Hosts(self, "Hosts", cluster, role=host.role, front=front)
        _outputs(self, front, host)


class ByoWorkerStack(Stack):
    """A cluster of hosts that exist already, for a service without HTTP."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Lifecycle: the host role and the log of one cluster without a load balancer",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        _name_parameters(self)
        _worker(self, ClusterName("${Service}", "${Environment}"))


class AsgWorkerStack(Stack):
    """A cluster of EC2 hosts for a service without HTTP."""

    def __init__(self, scope: Construct, construct_id: str, cluster: ClusterSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Lifecycle: the cluster {cluster.environment}/{cluster.service}, without a load balancer",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        host = _worker(self, ClusterName(cluster.service, cluster.environment), on_ec2=True)
        Hosts(self, "Hosts", cluster, role=host.role, front=None)


def _name_parameters(stack: Stack) -> str:
    """Add the parameters that name the cluster; return the environment's value."""
    CfnParameter(
        stack,
        "Service",
        type="String",
        description="Name of the service",
        allowed_pattern="[a-z][a-z0-9-]{0,23}",
    )
    return CfnParameter(
        stack,
        "Environment",
        type="String",
        description="Environment of the cluster",
        allowed_values=list(ENVIRONMENT_LETTERS),
    ).value_as_string


def _worker(stack: Stack, cluster: ClusterName, *, on_ec2: bool = False) -> HostRole:
    """Add what both kinds of clusters without a load balancer have."""
    NoFrontDoor(stack, "Front", cluster)
    host = HostRole(stack, "Host", cluster, on_ec2=on_ec2)
    ServiceLog(stack, "ServiceLog", cluster)
    CfnOutput(stack, "HostRoleArn", value=host.role.role_arn)
    return host


def _outputs(stack: Stack, front: FrontDoor, host: HostRole) -> None:
    CfnOutput(stack, "ServiceAddress", value=front.address)
    CfnOutput(stack, "TargetGroupArn", value=front.target_group.ref)
    CfnOutput(stack, "LoadBalancerSecurityGroup", value=front.security_group.attr_group_id)
    CfnOutput(stack, "HostRoleArn", value=host.role.role_arn)
