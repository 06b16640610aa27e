"""The emulator's ELBv2 state: load balancers, listeners, target groups and registered targets.

balancer.py reads it, because CloudFormation inside the emulator makes these without a call to the endpoint here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from apps.local.aws.clients import Clients
from apps.local.dispatcher.envoy_configuration import Action, Check, FixedResponse, WeightedGroup
from apps.local.dispatcher.targets import Address

_Described: TypeAlias = tuple[list[dict[str, Any]], ...]
_DEFAULT_DELAY = 300.0
# Shorter than on AWS, so that a dead host is found while a person watches.
_LONGEST_CHECK = 2.0


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A load balancer."""

    arn: str
    name: str


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener; `problem` is the reason why it cannot be served here, or empty."""

    arn: str
    load_balancer: str
    port: int
    action: Action
    problem: str = ""

    @property
    def name(self) -> str:
        """Return Envoy's name of it."""
        return "-".join(self.arn.split("/")[-3:])


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A target group; `delay` is its deregistration delay in seconds."""

    arn: str
    name: str
    port: int
    check: Check
    delay: float
    targets: tuple[Address, ...] = ()

    @property
    def cluster(self) -> str:
        """Return Envoy's name of it."""
        return "-".join(self.arn.split("/")[-2:])


@dataclass(frozen=True, slots=True)
class Elbv2State:
    """Everything of ELBv2, as the emulator had it at one time."""

    load_balancers: tuple[LoadBalancer, ...] = ()
    listeners: tuple[Listener, ...] = ()
    groups: tuple[TargetGroup, ...] = ()


class EmulatorElbv2:
    """Reads the emulator as root; raises boto3's errors."""

    def __init__(self, clients: Clients) -> None:
        self._elb = clients.client("elbv2")
        self._read: _Described | None = None

    def read(self) -> Elbv2State:
        self._read = balancers, listeners, groups = self._describe()
        return Elbv2State(
            tuple(LoadBalancer(each["LoadBalancerArn"], each["LoadBalancerName"]) for each in balancers),
            tuple(_listener(each) for each in listeners),
            tuple(self._group(each) for each in groups),
        )

    def changed(self) -> bool:
        """Return True if load balancers, listeners or target groups are others than at the last `read`.

        The attributes and targets of a group are not compared: that would take two calls for each group.
        """
        return self._describe() != self._read

    def _describe(self) -> _Described:
        return (
            self._elb.describe_load_balancers()["LoadBalancers"],
            self._elb.describe_listeners()["Listeners"],
            self._elb.describe_target_groups()["TargetGroups"],
        )

    def register(self, group: str, address: Address) -> None:
        self._elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address.ip, "Port": address.port}])

    def _group(self, found: Mapping[str, Any]) -> TargetGroup:
        arn = found["TargetGroupArn"]
        attributes = self._elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        health = self._elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        delays = [a["Value"] for a in attributes if a["Key"] == "deregistration_delay.timeout_seconds"]
        return TargetGroup(
            arn,
            found["TargetGroupName"],
            found.get("Port", 80),
            _check(found),
            float(delays[0]) if delays else _DEFAULT_DELAY,
            tuple(Address(each["Target"]["Id"], each["Target"]["Port"]) for each in health),
        )


def _check(found: Mapping[str, Any]) -> Check:
    port = found.get("HealthCheckPort", "traffic-port")
    return Check(
        path=found.get("HealthCheckPath") or "/",
        port=int(port) if port.isdigit() else None,
        statuses=statuses(found.get("Matcher", {}).get("HttpCode", "200")),
        timeout=min(float(found.get("HealthCheckTimeoutSeconds", 5)), _LONGEST_CHECK),
        healthy_threshold=found.get("HealthyThresholdCount", 5),
        unhealthy_threshold=found.get("UnhealthyThresholdCount", 2),
    )


def statuses(matcher: str) -> tuple[tuple[int, int], ...]:
    """Parse a Matcher's HttpCode such as `200`, `200,202` or `200-299` into inclusive ranges; the default is 200."""
    found = re.findall(r"(\d{3})(?:-(\d{3}))?", matcher)
    return tuple((int(low), int(high or low)) for low, high in found) or ((200, 200),)


def _listener(found: Mapping[str, Any]) -> Listener:
    protocol = found.get("Protocol", "HTTP")
    problem = "" if protocol == "HTTP" else f"expected protocol HTTP, found {protocol}: not served on a laptop"
    arn, actions = found["ListenerArn"], found.get("DefaultActions", [])
    return Listener(arn, found["LoadBalancerArn"], found["Port"], action(actions), problem)


def action(actions: list[dict[str, Any]]) -> Action:
    """Return the one action that a listener's route performs, from its default actions."""
    for each in actions:
        if each["Type"] == "fixed-response":
            fixed = each.get("FixedResponseConfig", {})
            return FixedResponse(
                int(fixed.get("StatusCode", 200)),
                fixed.get("MessageBody", ""),
                fixed.get("ContentType", "text/plain"),
            )
        if each["Type"] == "forward":
            groups = each.get("ForwardConfig", {}).get("TargetGroups", [])
            if groups:
                return tuple(WeightedGroup(group["TargetGroupArn"], group.get("Weight", 1)) for group in groups)
            return (WeightedGroup(each["TargetGroupArn"]),) if each.get("TargetGroupArn") else ()
    return ()
