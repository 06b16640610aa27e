"""The subnets of hosts: where their routes lead, and which VPC endpoints there are; and the types of instances."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.cli.doctor.facts import Subnet
from apps.cli.doctor.reading import pages

_ALL = "0.0.0.0/0"


class Network:
    """Reads of EC2. A subnet without a route table of its own has the main one of its VPC."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2

    def subnets(self, wanted: Sequence[str]) -> dict[str, Subnet]:
        """Return those of the wanted subnets that exist."""
        if not wanted:
            return {}
        # By a filter: a list of ids with one that does not exist would fail as a whole.
        chosen = [{"Name": "subnet-id", "Values": list(wanted)}]
        found = list(pages(self._ec2, "describe_subnets", "Subnets", Filters=chosen))
        vpcs = sorted({each["VpcId"] for each in found})
        in_vpcs = [{"Name": "vpc-id", "Values": vpcs}]
        tables = list(pages(self._ec2, "describe_route_tables", "RouteTables", Filters=in_vpcs)) if vpcs else []
        return {
            each["SubnetId"]: Subnet(
                vpc=each["VpcId"],
                zone=each.get("AvailabilityZone", ""),
                way_out=_way_out(_table(tables, each)),
                public=bool(each.get("MapPublicIpOnLaunch")),
                free=int(each.get("AvailableIpAddressCount", 0)),
            )
            for each in found
        }

    def cpus(self, types: Sequence[str]) -> dict[str, int]:
        """Return the virtual CPUs of those types of instances that the region offers."""
        if not types:
            return {}
        chosen = [{"Name": "instance-type", "Values": list(types)}]
        found = pages(self._ec2, "describe_instance_types", "InstanceTypes", Filters=chosen)
        return {each["InstanceType"]: int(each["VCpuInfo"]["DefaultVCpus"]) for each in found}

    def endpoints(self) -> dict[str, frozenset[str]]:
        """Return the services with an endpoint, by VPC; an endpoint that is not available yet does not count."""
        found: dict[str, set[str]] = {}
        for each in pages(self._ec2, "describe_vpc_endpoints", "VpcEndpoints"):
            if each.get("State", "available").lower() == "available":
                found.setdefault(each["VpcId"], set()).add(each["ServiceName"].rsplit(".", 1)[-1])
        return {vpc: frozenset(services) for vpc, services in found.items()}


def _table(tables: Sequence[Mapping[str, Any]], subnet: Mapping[str, Any]) -> Mapping[str, Any]:
    main: Mapping[str, Any] = {}
    for table in tables:
        for each in table.get("Associations", ()):
            if each.get("SubnetId") == subnet["SubnetId"]:
                return table
            if each.get("Main") and table.get("VpcId") == subnet["VpcId"]:
                main = table
    return main


def _way_out(table: Mapping[str, Any]) -> str:
    """Return `nat`, `internet`, or nothing; a black hole, such as a deleted gateway, is no way out."""
    for each in table.get("Routes", ()):
        if each.get("DestinationCidrBlock") != _ALL or each.get("State") == "blackhole":
            continue
        if each.get("GatewayId", "").startswith("igw-"):
            return "internet"
        return "nat"  # a gateway, an instance, or a transit gateway to one
    return ""
