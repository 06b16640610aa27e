"""A cluster's front: load balancer, listener, target groups, and the parameters that name them.

Only phases register targets, deregister them, and change the weights of the target groups. A stack update that
changed the listener's actions would give all requests to the main group.
"""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, CfnCondition, Fn, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.constructs.access import accept, substituted
from lifecycle import names

# The fastest that an ALB allows: two checks, five seconds apart, make a target healthy or unhealthy.
_CHECK_SECONDS = 5
_CHECKS = 2
_TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@dataclass(frozen=True, slots=True)
class ClusterName:
    """The name of a cluster, as texts for `Fn::Sub`: names, or `${Service}` and `${Environment}`."""

    service: str
    environment: str

    def parameter(self, leaf: str) -> str:
        """Return the path of one of the cluster's parameters."""
        return substituted(names.parameter(self.environment, self.service, leaf))


@dataclass(frozen=True, slots=True)
class ClusterValues(ClusterName):
    """The values that differ between clusters: literals, or CloudFormation parameters."""

    letter: str  # of the environment, for names with at most 32 characters
    vpc_id: str
    subnet_ids: list[str]
    listener_port: Any
    scheme: str  # internal or internet-facing
    allowed_cidr: str  # who may call the service
    is_alive_path: str
    drain_seconds: Any
    certificate_arn: str  # empty for HTTP
    address: str  # empty for the load balancer's own
    target_zone: str = names.IN_VPC  # or OUTSIDE_VPC

    @property
    def name(self) -> str:
        return self.named("")

    def named(self, suffix: str) -> str:
        """Return a name of at most 32 characters, as a target group's; a service's name has at most 24."""
        return Fn.join("-", [names.CLUSTER_PREFIX, self.letter, substituted(self.service) + suffix])


class FrontDoor(Construct):
    """A load balancer and its main target group `lc-<letter>-<service>`.

    The test bed's group has the same name with --t at its end, and its control's with --c.
    """

    def __init__(self, scope: Construct, construct_id: str, values: ClusterValues) -> None:
        super().__init__(scope, construct_id)
        self._values = values
        self.security_group = self._security_group()
        self.load_balancer = self._load_balancer()
        self.target_group = self._target_group("TargetGroup", "")
        self.test_bed_group = self._target_group("TestBedGroup", names.TEST_BED_SUFFIX)
        self.control_group = self._target_group("ControlGroup", names.CONTROL_SUFFIX)
        self.listener = self._listener()
        self.address = self._address()
        self._parameters()

    def _security_group(self) -> ec2.CfnSecurityGroup:
        values = self._values
        port = values.listener_port
        group = ec2.CfnSecurityGroup(
            self,
            "SecurityGroup",
            # CloudFormation replaces the group when its description changes.
            group_description="Who may call a service of Lifecycle",
            vpc_id=values.vpc_id,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ip=values.allowed_cidr,
                    description="callers",
                )
            ],
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp",
                    from_port=1,
                    to_port=65535,
                    cidr_ip="0.0.0.0/0",
                    description="hosts bind to ports of their own choice",
                )
            ],
        )
        if Token.is_unresolved(values.allowed_cidr):
            reason = "the parameter AllowedCidr chooses the callers; the default is a private range"
            accept(group, {"AwsSolutions-EC23": reason})
        return group

    def _load_balancer(self) -> elb.CfnLoadBalancer:
        balancer = elb.CfnLoadBalancer(
            self,
            "LoadBalancer",
            name=self._values.name,
            scheme=self._values.scheme,
            type="application",
            subnets=self._values.subnet_ids,
            security_groups=[self.security_group.attr_group_id],
            load_balancer_attributes=[
                elb.CfnLoadBalancer.LoadBalancerAttributeProperty(
                    key="routing.http.drop_invalid_header_fields.enabled", value="true"
                )
            ],
        )
        reason = "access logs need a bucket policy for each region's log account; a service may add them"
        accept(balancer, {"AwsSolutions-ELB2": reason})
        return balancer

    def _target_group(self, construct_id: str, suffix: str) -> elb.CfnTargetGroup:
        return elb.CfnTargetGroup(
            self,
            construct_id,
            name=self._values.named(suffix),
            target_type="ip",
            protocol="HTTP",
            port=80,  # each target is registered with its own
            vpc_id=self._values.vpc_id,
            health_check_protocol="HTTP",
            health_check_path=self._values.is_alive_path,
            health_check_interval_seconds=_CHECK_SECONDS,
            health_check_timeout_seconds=_CHECK_SECONDS - 1,
            healthy_threshold_count=_CHECKS,
            unhealthy_threshold_count=_CHECKS,
            matcher=elb.CfnTargetGroup.MatcherProperty(http_code="200-299"),
            target_group_attributes=[
                elb.CfnTargetGroup.TargetGroupAttributeProperty(
                    key="deregistration_delay.timeout_seconds", value=_text(self._values.drain_seconds)
                )
            ],
        )

    def _listener(self) -> elb.CfnListener:
        secure = _Given(self, "Secure", self._values.certificate_arn)
        self._scheme = str(secure.choose("https://", "http://"))
        listener = elb.CfnListener(
            self,
            "Listener",
            load_balancer_arn=self.load_balancer.ref,
            port=self._values.listener_port,
            default_actions=[self._forward()],
        )
        listener.add_property_override("Protocol", secure.choose("HTTPS", "HTTP"))
        certificates = [{"CertificateArn": self._values.certificate_arn}]
        listener.add_property_override("Certificates", secure.choose(certificates, Aws.NO_VALUE))
        listener.add_property_override("SslPolicy", secure.choose(_TLS, Aws.NO_VALUE))
        return listener

    def _forward(self) -> elb.CfnListener.ActionProperty:
        """Return the action that forwards all requests to the main group.

        It names the other groups with weight 0, because an ALB checks the targets of named groups only.
        """
        weights = ((self.target_group, 1), (self.test_bed_group, 0), (self.control_group, 0))
        groups = [
            elb.CfnListener.TargetGroupTupleProperty(target_group_arn=group.ref, weight=weight)
            for group, weight in weights
        ]
        config = elb.CfnListener.ForwardConfigProperty(target_groups=groups)
        return elb.CfnListener.ActionProperty(type="forward", forward_config=config)

    def _address(self) -> str:
        port = _text(self._values.listener_port)
        own = Fn.join("", [self._scheme, self.load_balancer.attr_dns_name, ":", port])
        given = _Given(self, "AddressGiven", self._values.address)
        return str(given.choose(self._values.address, own))

    def _parameters(self) -> None:
        named = {
            names.TARGET_GROUP: self.target_group.ref,
            names.TEST_BED_GROUP: self.test_bed_group.ref,
            names.CONTROL_GROUP: self.control_group.ref,
            names.LISTENER: self.listener.ref,
            names.ADDRESS: self.address,
            names.TARGET_ZONE: self._values.target_zone,
        }
        for leaf, value in named.items():
            _parameter(self, self._values, leaf, value)


class NoFrontDoor(Construct):
    """The parameter that says that a cluster has no load balancer, because its service serves no HTTP."""

    def __init__(self, scope: Construct, construct_id: str, cluster: ClusterName) -> None:
        super().__init__(scope, construct_id)
        _parameter(self, cluster, names.WITHOUT_BALANCER, "http: false")


def _parameter(scope: Construct, cluster: ClusterName, leaf: str, value: str) -> None:
    name = "".join(part.title() for part in leaf.split("-")) + "Parameter"
    ssm.CfnParameter(scope, name, type="String", name=cluster.parameter(leaf), value=value)


def _text(number: Any) -> str:
    return Token.as_string(number) if Token.is_unresolved(number) else str(number)


class _Given:
    """A choice by whether a value is empty, made now or when the template is deployed."""

    def __init__(self, scope: Construct, name: str, value: str) -> None:
        self._given = bool(value)
        self._condition = None
        if Token.is_unresolved(value):
            filled = Fn.condition_not(Fn.condition_equals(value, ""))
            self._condition = CfnCondition(scope, name, expression=filled)

    def choose(self, yes: Any, no: Any) -> Any:
        if self._condition is None:
            return yes if self._given else no
        return Token.as_string(Fn.condition_if(self._condition.logical_id, yes, no))
