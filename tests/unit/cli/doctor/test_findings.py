"""Each finding of `lifecycle doctor`: one sentence, and the command that mends it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from apps.cli.doctor.checks import BUILDS, LAMBDA, VCPUS, findings, must_mend
from apps.cli.doctor.facts import (
    Agent,
    Denied,
    Facts,
    Limit,
    StackState,
    Subnet,
    Taken,
    Unseen,
    Wanted,
    WantedCluster,
)
from apps.cli.doctor.findings import Finding, Level
from apps.cli.doctor.network import NEEDED
from tests.fakes.account import healthy

CLUSTER = WantedCluster("hello", "production", "vpc-1", ("subnet-a", "subnet-b"), hosts=4)
WITH_NAT = {
    "subnet-a": Subnet("vpc-1", "eu-west-1a", "nat", free=200),
    "subnet-b": Subnet("vpc-1", "eu-west-1b", "nat", free=200),
}
NOTHING = Wanted()


def found(level: Level, topic: str, wanted: Wanted = NOTHING, **changed: Any) -> list[Finding]:
    """Return the findings of a healthy account with these facts changed."""
    every = findings(replace(healthy(), **changed), wanted)
    return [each for each in every if each.level is level and each.topic == topic]


def only(level: Level, topic: str, wanted: Wanted = NOTHING, **changed: Any) -> Finding:
    [each] = found(level, topic, wanted, **changed)
    return each


def without(facts: Facts, *names: str) -> Mapping[str, StackState]:
    """Return the account's stacks without some of them."""
    assert not isinstance(facts.stacks, Unseen)
    return {name: state for name, state in facts.stacks.items() if name not in names}


def test_healthy_account_has_nothing_to_mend() -> None:
    every = findings(healthy(), NOTHING)
    assert {each.level for each in every} == {Level.FINE}
    assert not must_mend(every)


def test_environment_on_this_machine_has_nothing_to_mend() -> None:
    every = findings(replace(healthy(), emulated=True, bootstrap=0, region_status=""), NOTHING)
    assert not must_mend(every)
    assert "lifecycle doctor --profile NAME" in [each.mend for each in every]


def test_region_that_is_not_enabled_names_the_command_that_enables_it() -> None:
    each = only(Level.MEND, "region", region_status="not-opted-in")
    assert "eu-west-1 is not enabled" in each.text
    assert each.mend == "aws account enable-region --region-name eu-west-1"


def test_region_that_does_not_exist_must_be_mended() -> None:
    assert "no region that AWS knows" in only(Level.MEND, "region", region_status="").text


@pytest.mark.parametrize(("ahead", "level"), [(20, Level.FINE), (-45, Level.WARNING), (290, Level.MEND)])
def test_clock_matters_more_the_further_it_is_off(ahead: float, level: Level) -> None:
    assert only(level, "clock", clock_ahead=float(ahead))


def test_account_without_bootstrap_names_the_command_with_its_account_and_region() -> None:
    each = only(Level.MEND, "bootstrap", bootstrap=0)
    assert each.mend == "npx aws-cdk bootstrap aws://123456789012/eu-west-1"


def test_old_bootstrap_must_be_renewed() -> None:
    assert "has version 4" in only(Level.MEND, "bootstrap", bootstrap=4).text


def test_profile_is_added_to_commands_of_aws_and_cdk() -> None:
    assert only(Level.MEND, "bootstrap", bootstrap=0, profile="prod").mend.endswith(" --profile prod")


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack"),
        ("ROLLBACK_FAILED", "delete-stack"),
        ("CREATE_FAILED", "delete-stack"),
        ("DELETE_FAILED", "delete-stack"),
        ("REVIEW_IN_PROGRESS", "delete-stack"),
        ("UPDATE_FAILED", "rollback-stack"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_half_deployed_stack_names_the_command_for_its_state(status: str, command: str) -> None:
    broken = {"lifecycle-production-hello": StackState(status, "Resource\nhandler: in use")}
    each = only(Level.MEND, "stacks", stacks=broken)
    assert status in each.text
    assert "Resource handler: in use" in each.text
    assert f"aws cloudformation {command} --stack-name lifecycle-production-hello" in each.mend


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_undone_or_running_update_is_a_warning(status: str) -> None:
    assert only(Level.WARNING, "stacks", stacks={"lifecycle": StackState(status)})


def test_name_that_an_earlier_installation_kept_stands_in_the_way() -> None:
    each = only(Level.MEND, "names", taken=(Taken("DynamoDB table", "lifecycle-ledger"),))
    assert "may hold what an earlier installation kept" in each.text
    assert each.mend == "aws dynamodb delete-table --table-name lifecycle-ledger"


def test_new_account_cannot_reserve_executions_for_the_webhook() -> None:
    facts = healthy()
    fresh = {**facts.limits, LAMBDA: Limit(10)}
    each = only(Level.MEND, "quotas", limits=fresh, stacks=without(facts, "lifecycle"))
    assert "Lambda's concurrency is 10" in each.text
    assert each.mend == "npx aws-cdk deploy lifecycle -c webhook_concurrency=0"
    assert not found(Level.MEND, "quotas", Wanted(webhook_concurrency=0), limits=fresh, stacks={})


def test_small_concurrency_is_a_warning_once_installed() -> None:
    each = only(Level.WARNING, "quotas", limits={**healthy().limits, LAMBDA: Limit(10)})
    assert "L-B99A9384" in each.mend


def test_account_with_one_concurrent_build_is_warned() -> None:
    assert "one build" in only(Level.WARNING, "quotas", limits={**healthy().limits, BUILDS: Limit(1)}).text
    assert only(Level.MEND, "quotas", limits={**healthy().limits, BUILDS: Limit(0)})


@pytest.mark.parametrize(
    ("partition", "domain"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_page_of_the_quotas_is_that_of_the_partition(partition: str, domain: str) -> None:
    full = {BUILDS: Limit(0), "rules-per-application-load-balancer": Limit(0)}
    pages = found(Level.MEND, "quotas", partition=partition, limits={**healthy().limits, **full})
    assert [f"https://{domain}/servicequotas/" in each.mend for each in pages] == [True, True]


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("application-load-balancers", Limit(50, 50)),
        ("target-groups", Limit(100, 98)),
        ("targets-per-application-load-balancer", Limit(3)),
        ("rules-per-application-load-balancer", Limit(0)),
        (VCPUS, Limit(5)),
    ],
)
def test_quota_that_a_wanted_cluster_exceeds_must_be_raised(name: str, limit: Limit) -> None:
    wanted = Wanted((CLUSTER,))
    changed = {**healthy().limits, name: limit}
    each = only(Level.MEND, "quotas", wanted, limits=changed, subnets=WITH_NAT)
    assert name in each.text


@pytest.mark.parametrize(
    ("kind", "hosts", "needed"),
    [
        ("m5.4xlarge", 2, 32),
        ("m5.xlarge", 9, 36),
        ("t3.micro", 15, 30),
        ("m5.metal", 1, 96),
        ("r7iz.metal-16xl", 1, 96),
    ],
)
def test_cpus_of_the_chosen_type_are_counted(kind: str, hosts: int, needed: int) -> None:
    wanted = Wanted((replace(CLUSTER, instance_type=kind, hosts=hosts),))
    known = {"m5.4xlarge": 16, "m5.xlarge": 4, "t3.micro": 2, "m5.metal": 96, "r7iz.metal-16xl": 96}
    seen: Any = {"limits": {**healthy().limits, VCPUS: Limit(5)}, "subnets": WITH_NAT}
    assert f" need {needed}" in only(Level.MEND, "quotas", wanted, cpus=known, **seen).text
    guessed = only(Level.MEND, "quotas", wanted, cpus=Unseen("ec2:DescribeInstanceTypes"), **seen).text
    assert guessed.endswith(f"by the sizes of their types (to be sure: ec2:DescribeInstanceTypes) need {needed}")


def test_type_that_the_region_does_not_offer_must_be_mended() -> None:
    wanted = Wanted((replace(CLUSTER, instance_type="m9.huge"),))
    each = only(Level.MEND, "quotas", wanted, subnets=WITH_NAT)
    assert each.text == "production/hello has hosts of the type m9.huge, which eu-west-1 does not offer"


def test_cluster_that_is_deployed_needs_no_more_load_balancers() -> None:
    stacks = {**without(healthy()), "lifecycle-production-hello": StackState("CREATE_COMPLETE")}
    limits = {**healthy().limits, "application-load-balancers": Limit(50, 50)}
    assert not found(Level.MEND, "quotas", Wanted((CLUSTER,)), limits=limits, stacks=stacks, subnets=WITH_NAT)


def test_denied_action_is_named_with_its_resource() -> None:
    each = only(Level.MEND, "rights", denied=(Denied("states:StartExecution", "arn:aws:states:a"),))
    assert "states:StartExecution on arn:aws:states:a" in each.text


def test_fact_that_was_not_shown_says_which_permission_shows_it() -> None:
    each = only(Level.UNSEEN, "rights", denied=Unseen("iam:SimulatePrincipalPolicy"))
    assert each.text.endswith("could not be looked at: needs iam:SimulatePrincipalPolicy")
    assert not must_mend([each])


def test_quota_of_a_cluster_whose_stack_may_exist_is_not_judged() -> None:
    limits = {**healthy().limits, "application-load-balancers": Limit(50, 50)}
    dark: Any = {"stacks": Unseen("cloudformation:X"), "limits": limits, "subnets": WITH_NAT}
    assert not found(Level.MEND, "quotas", Wanted((CLUSTER,)), **dark)
    [text, *_] = [each.text for each in found(Level.UNSEEN, "quotas", Wanted((CLUSTER,)), **dark)]
    assert text == "what production/hello still needs of the quotas could not be looked at: needs cloudformation:X"


def test_cluster_whose_group_exists_is_deployed_although_no_stack_is_shown() -> None:
    dark: Any = {"stacks": Unseen("cloudformation:X"), "groups": (CLUSTER,), "subnets": WITH_NAT}
    assert not found(Level.UNSEEN, "quotas", Wanted((CLUSTER,)), **dark)


@pytest.mark.parametrize("fact", ["region_status", "clock_ahead", "bootstrap", "stacks", "denied", "taken", "agents"])
def test_any_fact_may_be_missing(fact: str) -> None:
    changed: Any = {fact: Unseen("iam:Something")}
    every = findings(replace(healthy(), **changed), NOTHING)
    assert [each.level for each in every if each.level is not Level.FINE] == [Level.UNSEEN]


def test_subnet_without_a_way_out_names_the_endpoints_that_are_lacking() -> None:
    lonely = {**WITH_NAT, "subnet-a": Subnet("vpc-1", "eu-west-1a", free=200)}
    endpoints = {"vpc-1": frozenset(NEEDED) - {"kms"}}
    each = only(Level.MEND, "network", Wanted((CLUSTER,)), subnets=lonely, endpoints=endpoints)
    assert "no VPC endpoint for kms" in each.text
    assert "com.amazonaws.eu-west-1.kms --vpc-endpoint-type Interface --subnet-ids subnet-a" in each.mend


def test_endpoints_for_all_services_are_a_way_to_aws() -> None:
    lonely = {**WITH_NAT, "subnet-a": Subnet("vpc-1", "eu-west-1a", free=200)}
    endpoints = {"vpc-1": frozenset(NEEDED)}
    assert not found(Level.MEND, "network", Wanted((CLUSTER,)), subnets=lonely, endpoints=endpoints)


def test_public_subnet_whose_instances_get_no_public_address_has_no_way_out() -> None:
    public = {**WITH_NAT, "subnet-a": Subnet("vpc-1", "eu-west-1a", "internet", free=200)}
    each = only(Level.MEND, "network", Wanted((CLUSTER,)), subnets=public)
    assert each.mend == "aws ec2 modify-subnet-attribute --subnet-id subnet-a --map-public-ip-on-launch"


def test_subnets_of_one_zone_are_refused_for_a_load_balancer_only() -> None:
    one = {name: replace(each, zone="eu-west-1a") for name, each in WITH_NAT.items()}
    assert "in one zone" in only(Level.MEND, "network", Wanted((CLUSTER,)), subnets=one).text
    assert not found(Level.MEND, "network", Wanted((replace(CLUSTER, http=False),)), subnets=one)


def test_subnets_that_do_not_exist_or_are_elsewhere_are_named() -> None:
    assert (
        "subnet-b, which are no subnets"
        in only(Level.MEND, "network", Wanted((CLUSTER,)), subnets={"subnet-a": WITH_NAT["subnet-a"]}).text
    )
    foreign = {**WITH_NAT, "subnet-b": replace(WITH_NAT["subnet-b"], vpc="vpc-2")}
    assert (
        "subnet-b, which are not in its VPC vpc-1"
        in only(Level.MEND, "network", Wanted((CLUSTER,)), subnets=foreign).text
    )


def test_subnets_with_too_few_addresses_are_refused() -> None:
    full = {name: replace(each, free=1) for name, each in WITH_NAT.items()}
    assert "2 free addresses for 4 hosts" in only(Level.MEND, "network", Wanted((CLUSTER,)), subnets=full).text


def test_group_that_exists_is_checked_although_cdk_json_does_not_list_it() -> None:
    group = replace(CLUSTER, vpc="", http=False)
    each = only(Level.MEND, "network", groups=(group,), subnets={"subnet-b": WITH_NAT["subnet-b"]})
    assert "production/hello names subnet-a" in each.text


def test_old_agents_and_their_clocks_are_warnings() -> None:
    old = (Agent("production/hello", "i-1", ("signatures",), 90.0), Agent("production/hello", "i-2"))
    texts = [each.text for each in found(Level.WARNING, "agents", agents=old)]
    assert texts == [
        "the agents of i-1 of production/hello are too old to know signatures",
        "the clock of i-1 of production/hello is +90 s from AWS's",
    ]
