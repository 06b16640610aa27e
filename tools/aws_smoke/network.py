"""The kit's own network: a VPC with two public subnets in two zones, as a CloudFormation template."""

import json
from typing import Any

from lifecycle import names

STACK = names.SMOKE_NETWORK_STACK
_ZONES = ("A", "B")


def template() -> str:
    """Return the template; its outputs are VpcId and SubnetIds, with a comma between."""
    resources: dict[str, Any] = {
        "Vpc": _of("AWS::EC2::VPC", CidrBlock="10.97.0.0/16", EnableDnsHostnames=True, EnableDnsSupport=True),
        "Gateway": _of("AWS::EC2::InternetGateway"),
        "Attached": _of("AWS::EC2::VPCGatewayAttachment", VpcId=_ref("Vpc"), InternetGatewayId=_ref("Gateway")),
        "Routes": _of("AWS::EC2::RouteTable", VpcId=_ref("Vpc")),
        "Out": {
            **_of(
                "AWS::EC2::Route",
                RouteTableId=_ref("Routes"),
                DestinationCidrBlock="0.0.0.0/0",
                GatewayId=_ref("Gateway"),
            ),
            "DependsOn": "Attached",
        },
    }
    for number, zone in enumerate(_ZONES):
        resources[f"Subnet{zone}"] = _of(
            "AWS::EC2::Subnet",
            VpcId=_ref("Vpc"),
            CidrBlock=f"10.97.{number}.0/24",
            AvailabilityZone={"Fn::Select": [number, {"Fn::GetAZs": ""}]},
            MapPublicIpOnLaunch=True,
        )
        resources[f"Routed{zone}"] = _of(
            "AWS::EC2::SubnetRouteTableAssociation", SubnetId=_ref(f"Subnet{zone}"), RouteTableId=_ref("Routes")
        )
    subnets = {"Fn::Join": [",", [_ref(f"Subnet{zone}") for zone in _ZONES]]}
    outputs = {"VpcId": {"Value": _ref("Vpc")}, "SubnetIds": {"Value": subnets}}
    return json.dumps({"Resources": resources, "Outputs": outputs})


def _of(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _ref(name: str) -> dict[str, str]:
    return {"Ref": name}
