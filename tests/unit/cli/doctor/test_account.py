"""The doctor's gateway over answers as AWS documents them: pages, denials, and names that are missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from apps.cli.doctor.aws import AwsAccount
from apps.cli.doctor.checks import BUILDS, LAMBDA, VCPUS, findings, must_mend
from apps.cli.doctor.facts import Denied, Limit, StackState, Subnet, Taken, Unseen, Wanted, WantedCluster
from lifecycle.names import Account

ACCOUNT = Account("aws", "eu-west-1", "123456789012")
NOW = datetime(2026, 11, 30, 3, 0, 40, tzinfo=UTC)
CLUSTER = WantedCluster("hello", "production", "vpc-1", ("subnet-a", "subnet-b"), hosts=2)
USER = "arn:aws:iam::123456789012:user/ada"


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "-"}}, operation)


@dataclass
class Answers:
    """Every client in one: `given` has the pages of an operation, or what it raises."""

    given: dict[str, list[dict[str, Any]] | str] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def can_paginate(self, operation: str) -> bool:
        return operation != "describe_regions"

    def get_paginator(self, operation: str) -> Any:
        return _Paginator(lambda **arguments: self._pages(operation, arguments))

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **arguments: self._pages(operation, arguments)[0]

    def _pages(self, operation: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        self.calls.append((operation, arguments))
        found = self.given.get(operation, "AccessDenied")
        if isinstance(found, str):
            raise refused(found, operation)
        return found


@dataclass
class _Paginator:
    read: Callable[..., list[dict[str, Any]]]

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        yield from self.read(**arguments)


def identity(arn: str = USER) -> list[dict[str, Any]]:
    headers = {"date": "Mon, 30 Nov 2026 03:00:00 GMT"}
    metadata = {"HTTPHeaders": headers}
    return [{"Arn": arn, "Account": ACCOUNT.number, "ResponseMetadata": metadata}]


def stack(name: str, status: str = "CREATE_COMPLETE") -> dict[str, Any]:
    return {"StackName": name, "StackStatus": status}


EVERYTHING: dict[str, list[dict[str, Any]] | str] = {
    "get_caller_identity": identity(),
    "describe_regions": [{"Regions": [{"RegionName": "eu-west-1", "OptInStatus": "opt-in-not-required"}]}],
    "get_parameter": [{"Parameter": {"Value": "21"}}],
    "describe_stacks": [
        {"Stacks": [stack("CDKToolkit"), stack("shop"), stack("lifecycle-staging-x", "DELETE_COMPLETE")]},
        {"Stacks": [stack("lifecycle", "ROLLBACK_COMPLETE")]},
    ],
    "describe_auto_scaling_groups": [
        {"AutoScalingGroups": [{"AutoScalingGroupName": "shop"}]},
        {
            "AutoScalingGroups": [
                {
                    "AutoScalingGroupName": "lifecycle-production-worker",
                    "VPCZoneIdentifier": "subnet-c,subnet-d",
                    "DesiredCapacity": 3,
                }
            ]
        },
    ],
    "describe_load_balancers": [{"LoadBalancers": [{"Type": "application"}, {"Type": "network"}]}] * 2,
    "describe_target_groups": [{"TargetGroups": [{}, {}]}],
    "describe_account_limits": [
        {"Limits": [{"Name": "application-load-balancers", "Max": "50"}, {"Name": "target-groups", "Max": "3000"}]}
    ],
    "get_account_settings": [{"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 990}}],
    "list_service_quotas": [{"Quotas": []}],
    "list_aws_default_service_quotas": [
        {"Quotas": [{"QuotaName": "Other", "Value": 9.0}]},
        {"Quotas": [{"QuotaName": "Concurrently running builds for Linux/Small environment", "Value": 1.0}]},
    ],
    "get_service_quota": [{"Quota": {"Value": 5.0}}],
    "describe_instance_types": [
        {"InstanceTypes": [{"InstanceType": "t3.small", "VCpuInfo": {"DefaultVCpus": 2}}]},
        {"InstanceTypes": [{"InstanceType": "m5.4xlarge", "VCpuInfo": {"DefaultVCpus": 16}}]},
    ],
    "describe_instances": [
        {"Reservations": [{"Instances": [{"CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2}}]}]}
    ],
    "simulate_principal_policy": [
        {
            "EvaluationResults": [
                {"EvalActionName": "a:B", "EvalResourceName": "r", "EvalDecision": "implicitDeny"},
                {"EvalActionName": "a:C", "EvalDecision": "implicitDeny", "MissingContextValues": ["x"]},
            ]
        },
        {"EvaluationResults": [{"EvalActionName": "a:D", "EvalDecision": "allowed"}]},
    ],
    "describe_subnets": [
        {
            "Subnets": [
                {"SubnetId": "subnet-a", "VpcId": "vpc-1", "AvailabilityZone": "a", "AvailableIpAddressCount": 9},
                {"SubnetId": "subnet-b", "VpcId": "vpc-1", "AvailabilityZone": "b", "MapPublicIpOnLaunch": True},
            ]
        }
    ],
    "describe_route_tables": [
        {
            "RouteTables": [
                {
                    "VpcId": "vpc-1",
                    "Associations": [{"Main": True}],
                    "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "blackhole"}],
                },
                {
                    "VpcId": "vpc-1",
                    "Associations": [{"SubnetId": "subnet-b"}],
                    "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}],
                },
            ]
        }
    ],
    "describe_vpc_endpoints": [
        {"VpcEndpoints": [{"VpcId": "vpc-1", "ServiceName": "com.amazonaws.eu-west-1.s3", "State": "available"}]},
        {"VpcEndpoints": [{"VpcId": "vpc-1", "ServiceName": "com.amazonaws.eu-west-1.kms", "State": "pending"}]},
    ],
    "get_role": "NoSuchEntity",
    "describe_log_groups": [{"logGroups": []}],
}


def account(**changed: Any) -> tuple[AwsAccount, Answers]:
    answers = Answers({**EVERYTHING, **changed})
    return AwsAccount(lambda _: answers, ACCOUNT, "prod", lambda: NOW), answers


def test_facts_are_read_from_every_page() -> None:
    facts = account()[0].facts(Wanted((CLUSTER,)))
    assert facts.stacks == {
        "CDKToolkit": StackState("CREATE_COMPLETE"),
        "lifecycle": StackState("ROLLBACK_COMPLETE"),
    }
    assert facts.groups == (
        WantedCluster("worker", "production", subnets=("subnet-c", "subnet-d"), hosts=3, http=False),
    )
    assert facts.limits["application-load-balancers"] == Limit(50, 2)
    assert facts.limits["target-groups"] == Limit(3000, 2)
    assert facts.limits[LAMBDA] == Limit(1000, 10)
    assert facts.limits[BUILDS] == Limit(1)
    assert facts.limits[VCPUS] == Limit(5, 2)
    assert facts.cpus == {"t3.small": 2, "m5.4xlarge": 16}
    assert facts.bootstrap == 21
    assert facts.region_status == "opt-in-not-required"
    assert facts.clock_ahead == 40.0
    assert facts.profile == "prod"


def test_condition_without_a_value_denies_nothing() -> None:
    assert account()[0].facts(Wanted()).denied == (Denied("a:B", "r"),) * 5


def test_routes_say_where_a_subnet_leads_and_a_deleted_gateway_is_no_way_out() -> None:
    facts = account()[0].facts(Wanted((CLUSTER,)))
    assert facts.subnets == {
        "subnet-a": Subnet("vpc-1", "a", "", free=9),
        "subnet-b": Subnet("vpc-1", "b", "internet", public=True),
    }
    assert facts.endpoints == {"vpc-1": frozenset({"s3"})}


def test_every_denied_call_is_a_fact_and_none_an_error() -> None:
    answers = Answers({"get_caller_identity": identity()})
    facts = AwsAccount(lambda _: answers, ACCOUNT, now=lambda: NOW).facts(Wanted((CLUSTER,)))
    every = (
        *(facts.region_status, facts.bootstrap, facts.stacks, facts.denied, facts.groups, facts.subnets),
        *(facts.endpoints, facts.taken, facts.cpus, *facts.limits.values()),
    )
    assert all(isinstance(each, Unseen) for each in every)
    assert facts.bootstrap == Unseen("ssm:GetParameter")


# What the role lifecycle-operator may read of all this, and its own rights beside; it may not look at stacks.
OPERATORS = ("get_caller_identity", "describe_auto_scaling_groups", "describe_target_groups", "get_account_settings")


@pytest.mark.parametrize("shown", [(), OPERATORS, (*OPERATORS, "simulate_principal_policy", "get_service_quota")])
def test_caller_that_may_not_look_at_stacks_has_nothing_to_mend(shown: tuple[str, ...]) -> None:
    full: dict[str, list[dict[str, Any]] | str] = {
        "describe_load_balancers": [{"LoadBalancers": [{"Type": "application"}] * 50}],
        "get_account_settings": [
            {"AccountLimit": {"ConcurrentExecutions": 100, "UnreservedConcurrentExecutions": 100}}
        ],
    }
    seen = {name: {**EVERYTHING, **full}[name] for name in (*shown, "describe_load_balancers")} if shown else {}
    answers = Answers({"get_caller_identity": identity(), **seen})
    wanted = Wanted((CLUSTER,))
    facts = AwsAccount(lambda _: answers, ACCOUNT, "prod", lambda: NOW).facts(wanted)
    every = findings(facts, wanted)
    assert not must_mend(every), every
    assert f"the rights of {USER} could not be looked at" in "\n".join(each.text for each in every)


def test_error_that_is_no_denial_is_kept_in_words() -> None:
    facts = account(describe_stacks="InternalFailure")[0].facts(Wanted())
    assert isinstance(facts.stacks, Unseen)
    assert "InternalFailure" in facts.stacks.why


def test_missing_parameter_means_no_bootstrap() -> None:
    assert account(get_parameter="ParameterNotFound")[0].facts(Wanted()).bootstrap == 0


def test_role_of_a_session_is_simulated_with_its_path() -> None:
    role = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/Ops"
    session = "arn:aws:sts::123456789012:assumed-role/Ops/ada"
    gateway, answers = account(get_caller_identity=identity(session), get_role=[{"Role": {"Arn": role}}])
    gateway.facts(Wanted())
    simulated = [given for name, given in answers.calls if name == "simulate_principal_policy"]
    assert {each["PolicySourceArn"] for each in simulated} == {role}
    assert ("get_role", {"RoleName": "Ops"}) in answers.calls


def test_root_has_no_policies_to_simulate() -> None:
    gateway, answers = account(get_caller_identity=identity("arn:aws:iam::123456789012:root"))
    assert gateway.facts(Wanted()).denied == ()
    assert "simulate_principal_policy" not in [name for name, _ in answers.calls]


def test_kept_names_are_found_where_their_stack_does_not_exist() -> None:
    facts = account(
        describe_stacks=[{"Stacks": []}],
        head_bucket="404",
        describe_table=[{}],
        describe_secret="ResourceNotFoundException",
        list_aliases=[{"Aliases": [{"AliasName": name}]} for name in ("alias/other", "alias/lifecycle-config")],
        describe_log_groups=[{"logGroups": [{"logGroupName": "/aws/lambda/lifecycle-plan"}]}],
        describe_load_balancers="LoadBalancerNotFound",
    )[0].facts(Wanted())
    assert facts.taken == (
        Taken("DynamoDB table", "lifecycle-ledger"),
        Taken("KMS alias", "alias/lifecycle-config"),
        Taken("log group", "/aws/lambda/lifecycle-plan"),
    )


def test_log_group_of_another_team_is_not_in_the_way() -> None:
    others = ("/aws/lambda/lifecycle-policy-nightly", "/aws/lambda/lifecycle-", "/aws/codebuild/lifecycle-build-site")
    facts = account(
        describe_stacks=[{"Stacks": []}],
        head_bucket="404",
        describe_table="ResourceNotFoundException",
        describe_secret="ResourceNotFoundException",
        list_aliases=[{"Aliases": []}],
        describe_log_groups=[{"logGroups": [{"logGroupName": name} for name in others]}],
    )[0].facts(Wanted())
    assert facts.taken == ()


def test_cluster_whose_stack_exists_has_its_names_rightly() -> None:
    stacks = [{"Stacks": [stack("lifecycle"), stack("lifecycle-production-hello")]}]
    assert account(describe_stacks=stacks)[0].facts(Wanted((CLUSTER,))).taken == ()


def test_caller_that_cannot_be_identified_is_an_error() -> None:
    with pytest.raises(ClientError):
        account(get_caller_identity="ExpiredToken")[0].facts(Wanted())
