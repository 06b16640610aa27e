"""Findings about the subnets of hosts: whether their agents reach the services that they call; pure."""

from collections.abc import Iterator, Mapping, Sequence

from apps.cli.doctor.facts import Facts, Subnet, Unseen, WantedCluster
from apps.cli.doctor.findings import Finding, fine, mend, unseen, warning
from lifecycle.domain.listing import listed

# The services that install_agent.sh, the agent and Systems Manager call; s3 has Amazon Linux's packages, too.
# Since 3.3.40 Systems Manager's agent needs no ec2messages (*Reference: ec2messages, ssmmessages, …*).
NEEDED = ("autoscaling", "dynamodb", "kms", "logs", "monitoring", "s3", "ssm", "ssmmessages")
_GATEWAYS = ("dynamodb", "s3")


def network(facts: Facts, clusters: Sequence[WantedCluster]) -> Iterator[Finding]:
    """Check the subnets of every cluster with hosts of its own."""
    with_subnets = [each for each in clusters if each.subnets]
    if not with_subnets:
        return
    if isinstance(facts.subnets, Unseen):
        yield unseen("network", "the subnets of hosts", facts.subnets)
        return
    for each in with_subnets:
        found = list(_cluster(facts, each, facts.subnets))
        yield from found
        if not found:
            yield fine("network", f"the hosts of {each.name} reach what they call")


def _cluster(facts: Facts, cluster: WantedCluster, subnets: Mapping[str, Subnet]) -> Iterator[Finding]:
    known = {name: subnets[name] for name in cluster.subnets if name in subnets}
    if missing := [name for name in cluster.subnets if name not in subnets]:
        text = f"{cluster.name} names {listed(missing)}, which are no subnets of this account and region"
        yield mend("network", text, "aws ec2 describe-subnets --query Subnets[].[SubnetId,VpcId]")
    if foreign := [name for name, each in known.items() if cluster.vpc and each.vpc != cluster.vpc]:
        text = f"{cluster.name} names {listed(foreign)}, which are not in its VPC {cluster.vpc}"
        yield mend("network", text, f"aws ec2 describe-subnets --filters Name=vpc-id,Values={cluster.vpc}")
    if cluster.http and len({each.zone for each in known.values()}) < 2 and not missing:
        text = f"the subnets of {cluster.name} are in one zone; a load balancer needs two"
        yield mend("network", text, "add a subnet of another zone to subnet_ids in cdk.json")
    free = sum(each.free for each in known.values())
    if known and free < cluster.hosts:
        text = f"the subnets of {cluster.name} have {free} free addresses for {cluster.hosts} hosts"
        yield mend("network", text, "add a subnet to subnet_ids in cdk.json")
    for name, each in known.items():
        yield from _way_out(facts, cluster, name, each)


def _way_out(facts: Facts, cluster: WantedCluster, name: str, subnet: Subnet) -> Iterator[Finding]:
    """Say that a subnet has no way to AWS: neither NAT, nor public addresses, nor endpoints."""
    if subnet.way_out == "nat" or (subnet.way_out == "internet" and subnet.public):
        return
    if isinstance(facts.endpoints, Unseen):
        yield unseen("network", f"the VPC endpoints of {subnet.vpc}", facts.endpoints)
        return
    lacking = [each for each in NEEDED if each not in facts.endpoints.get(subnet.vpc, frozenset())]
    if not lacking:
        text = f"the hosts of {cluster.name} in {name} reach AWS by VPC endpoints, and no package index"
        yield warning("network", text, "check that the builds have all that the service needs")
        return
    if subnet.way_out == "internet":
        yield mend(
            "network",
            f"{name} of {cluster.name} leads to the internet, but its instances get no public address, and the VPC "
            f"has no endpoint for {listed(lacking)}",
            f"aws ec2 modify-subnet-attribute --subnet-id {name} --map-public-ip-on-launch",
        )
        return
    yield mend(
        "network",
        f"{name} of {cluster.name} has no way out: no NAT gateway, and no VPC endpoint for {listed(lacking)}",
        _create(facts.region, subnet.vpc, name, lacking[0]),
    )


def _create(region: str, vpc: str, subnet: str, service: str) -> str:
    """Return the command that creates the first endpoint that is lacking."""
    base = f"aws ec2 create-vpc-endpoint --vpc-id {vpc} --service-name com.amazonaws.{region}.{service}"
    if service in _GATEWAYS:
        return f"{base} --route-table-ids ROUTE_TABLE"
    return f"{base} --vpc-endpoint-type Interface --subnet-ids {subnet}"
