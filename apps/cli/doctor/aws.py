"""The facts of an account over boto3. Every list is read to its end, and a denied call is a fact, not an error."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from apps.cli.doctor.checks import BUILDS, LAMBDA, VCPUS
from apps.cli.doctor.facts import Denied, Facts, Limit, Seen, StackState, Unseen, Wanted, WantedCluster
from apps.cli.doctor.reading import is_denied, pages
from apps.cli.doctor.rights import Rights
from apps.cli.doctor.stacks import BOOTSTRAP_STACK
from apps.cli.doctor.taken import Names
from apps.cli.doctor.vpc import Network
from lifecycle import names
from lifecycle.gateways.aws.errors import code_of, failure

T = TypeVar("T")
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_BUILDS_QUOTA = "Concurrently running builds for Linux/Small environment"
_VCPUS_QUOTA = "L-1216C47A"
_GONE = "DELETE_COMPLETE"


class AwsAccount:
    """One account and region; `client(name)` returns a boto3 client, and `now` is this machine's time.

    Without a profile it is the account of a laptop's environment.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        account: names.Account,
        profile: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._account = account
        self._profile = profile
        self._now = now

    def facts(self, wanted: Wanted) -> Facts:
        caller = self._client("sts").get_caller_identity()
        stacks = self._read("cloudformation:DescribeStacks", self._stacks)
        groups = self._read("autoscaling:DescribeAutoScalingGroups", self._groups)
        network = Network(self._client("ec2"))
        found = () if isinstance(groups, Unseen) else groups
        subnets = sorted({name for each in (*wanted.clusters, *found) for name in each.subnets})
        types = sorted({each.instance_type for each in wanted.clusters})
        return Facts(
            caller=caller["Arn"],
            account=caller["Account"],
            region=self._account.region,
            partition=self._account.partition,
            profile=self._profile,
            emulated=not self._profile,
            clock_ahead=self._clock_ahead(caller),
            region_status=self._read("ec2:DescribeRegions", self._region_status),
            bootstrap=self._read("ssm:GetParameter", self._bootstrap),
            stacks=stacks,
            limits=dict(self._limits()),
            denied=self._denied(stacks, caller["Arn"]),
            groups=groups,
            subnets=self._read("ec2:DescribeSubnets and ec2:DescribeRouteTables", lambda: network.subnets(subnets)),
            cpus=self._read("ec2:DescribeInstanceTypes", lambda: network.cpus(types)),
            endpoints=self._read("ec2:DescribeVpcEndpoints", network.endpoints),
            taken=self._taken(stacks, wanted),
        )

    def _read(self, needs: str, read: Callable[[], T]) -> Seen[T]:
        """Return what was read, or why it was not."""
        try:
            return read()
        except Exception as error:
            if is_denied(error):
                return Unseen(needs)
            if (words := failure(error)) is None:
                raise
            return Unseen(needs, str(words))

    def _clock_ahead(self, answered: Mapping[str, Any]) -> Seen[float]:
        text = answered.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            return (self._now() - parsedate_to_datetime(text)).total_seconds()
        except (TypeError, ValueError):
            return Unseen("", "the answer of STS had no time")

    def _region_status(self) -> str:
        found = pages(self._client("ec2"), "describe_regions", "Regions", AllRegions=True)
        return next((each["OptInStatus"] for each in found if each["RegionName"] == self._account.region), "")

    def _bootstrap(self) -> int:
        try:
            return int(self._client("ssm").get_parameter(Name=_BOOTSTRAP)["Parameter"]["Value"])
        except Exception as error:
            if code_of(error) != "ParameterNotFound":
                raise
            return 0

    def _stacks(self) -> dict[str, StackState]:
        """Return the stacks of Lifecycle and CDK's own, without those that were deleted."""
        prefix = f"{names.CONTROL_PLANE_STACK}-"
        return {
            each["StackName"]: StackState(each["StackStatus"], each.get("StackStatusReason", ""))
            for each in pages(self._client("cloudformation"), "describe_stacks", "Stacks")
            if each["StackStatus"] != _GONE
            and (
                each["StackName"] in (BOOTSTRAP_STACK, names.CONTROL_PLANE_STACK)
                or each["StackName"].startswith(prefix)
            )
        }

    def _groups(self) -> tuple[WantedCluster, ...]:
        found = pages(self._client("autoscaling"), "describe_auto_scaling_groups", "AutoScalingGroups")
        clusters = (_cluster_of(each) for each in found)
        return tuple(each for each in clusters if each is not None)

    def _denied(self, stacks: Seen[Mapping[str, StackState]], caller: str) -> Seen[tuple[Denied, ...]]:
        """Simulate what the caller needs here, which nobody knows who does not see whether Lifecycle is installed."""
        if isinstance(stacks, Unseen):
            return stacks
        rights = Rights(self._client("iam"), self._account, operates=names.CONTROL_PLANE_STACK in stacks)
        return self._read("iam:SimulatePrincipalPolicy and iam:GetRole", lambda: rights.denied(caller))

    def _taken(self, stacks: Seen[Mapping[str, StackState]], wanted: Wanted) -> Any:
        if isinstance(stacks, Unseen):
            return stacks
        taken = Names(self._client, self._account)
        return self._read("to look at names", lambda: taken.taken(stacks, wanted))

    def _limits(self) -> Iterator[tuple[str, Seen[Limit]]]:
        used = self._read("elasticloadbalancing:Describe*", self._balancers)
        found = self._read("elasticloadbalancing:DescribeAccountLimits", self._balancer_limits)
        for name in ("application-load-balancers", "target-groups"):
            if isinstance(used, Unseen):
                yield name, used
            elif isinstance(found, Unseen):
                yield name, found
            elif name in found:
                yield name, Limit(found[name], used[name])
        for name in ("targets-per-application-load-balancer", "rules-per-application-load-balancer"):
            if isinstance(found, Unseen):
                yield name, found
            elif name in found:
                yield name, Limit(found[name])
        yield LAMBDA, self._read("lambda:GetAccountSettings", self._concurrency)
        quotas = "servicequotas:ListServiceQuotas and servicequotas:ListAWSDefaultServiceQuotas"
        builds = self._read(quotas, self._builds)
        yield BUILDS, builds
        yield VCPUS, self._read("servicequotas:GetServiceQuota and ec2:DescribeInstances", self._vcpus)

    def _balancers(self) -> dict[str, int]:
        elb = self._client("elbv2")
        balancers = pages(elb, "describe_load_balancers", "LoadBalancers")
        return {
            "application-load-balancers": sum(each.get("Type") == "application" for each in balancers),
            "target-groups": sum(1 for _ in pages(elb, "describe_target_groups", "TargetGroups")),
        }

    def _balancer_limits(self) -> dict[str, int]:
        found = pages(self._client("elbv2"), "describe_account_limits", "Limits")
        return {each["Name"]: int(each["Max"]) for each in found}

    def _concurrency(self) -> Limit:
        limit = self._client("lambda").get_account_settings()["AccountLimit"]
        most = limit["ConcurrentExecutions"]
        return Limit(most, most - limit["UnreservedConcurrentExecutions"])

    def _builds(self) -> Seen[Limit]:
        """Return how many small builds may run at once; a quota that was never changed is among the defaults."""
        quotas = self._client("service-quotas")
        for listed in ("list_service_quotas", "list_aws_default_service_quotas"):
            for each in pages(quotas, listed, "Quotas", ServiceCode="codebuild"):
                if each["QuotaName"] == _BUILDS_QUOTA:
                    return Limit(int(each["Value"]))
        return Unseen("", f"AWS lists no quota '{_BUILDS_QUOTA}'")

    def _vcpus(self) -> Limit:
        most = self._client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=_VCPUS_QUOTA)
        running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        reservations = pages(self._client("ec2"), "describe_instances", "Reservations", Filters=running)
        used = 0
        for each in (instance for found in reservations for instance in found["Instances"]):
            options = each.get("CpuOptions", {})
            used += options.get("CoreCount", 1) * options.get("ThreadsPerCore", 2)
        return Limit(int(most["Quota"]["Value"]), used)


def _cluster_of(group: Mapping[str, Any]) -> WantedCluster | None:
    """Return the cluster of an Auto Scaling group of Lifecycle's; None for any other group."""
    name = group["AutoScalingGroupName"]
    for environment in names.ENVIRONMENT_LETTERS:
        prefix = names.cluster_stack(environment, "")
        if name.startswith(prefix) and name != prefix:
            subnets = tuple(filter(None, group.get("VPCZoneIdentifier", "").split(",")))
            # One zone is enough for a worker, and what exists has its load balancer.
            return WantedCluster(
                name.removeprefix(prefix),
                environment,
                subnets=subnets,
                hosts=int(group.get("DesiredCapacity", 0)),
                http=False,
            )
    return None
