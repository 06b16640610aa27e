"""One account with several regions, partitions, and hosts in subnets of their own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cdk_json import ClusterSettings
from lifecycle import names
from lifecycle.entrypoints.events import Converge, HostTerminated
from lifecycle.entrypoints.fleet_events import HostTerminating
from tests.infra.conftest import CLUSTER
from tests.infra.reading import allowed, only, resources, text

# What belongs to an account and not to a region, with the property that names it.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: a name is unique within the account.
GLOBAL = {
    "IAM::Role": "RoleName",
    "IAM::ManagedPolicy": "ManagedPolicyName",
    "IAM::InstanceProfile": "InstanceProfileName",
    "CloudWatch::Dashboard": "DashboardName",
    "S3::Bucket": "BucketName",
}
REGION = "${AWS::Region}"


def templates(assembly: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(assembly.glob("*.template.json")):
        yield path.name, json.loads(path.read_text())


def test_name_that_an_account_has_once_carries_the_region(assembly: Path) -> None:
    """Without it, the stack of a second region fails, because the name is taken."""
    found = 0
    for name, template in templates(assembly):
        for kind, field in GLOBAL.items():
            for each in resources(template, kind).values():
                if field in each:
                    found += 1
                    assert REGION in text(each[field]), f"{name}: {each[field]}"
    assert found > 10


def test_role_name_has_at_most_64_characters_in_every_region() -> None:
    longest = names.Account("aws", "x" * names.LONGEST_REGION, "1" * 12)
    for name in (names.OPERATOR, names.ADMINISTRATOR, names.host_role("production", "a" * 24)):
        assert len(names.regional(name, longest)) <= 64


def test_template_names_no_partition(assembly: Path) -> None:
    """GovCloud and China have partitions of their own; Step Functions' resources name it too."""
    for name, template in templates(assembly):
        assert not re.findall(r"arn:aws[a-z-]*:[^\"]{0,40}", json.dumps(template)), name


def test_partition_of_a_task_is_that_of_the_account(control_plane: dict[str, Any]) -> None:
    for each in resources(control_plane, "StepFunctions::StateMachine").values():
        assert each["DefinitionSubstitutions"]["partition"] == {"Ref": "AWS::Partition"}
        assert '"Resource":"arn:${partition}:states:::lambda:invoke"' in each["DefinitionString"]


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A cluster whose hosts are in private subnets, behind a load balancer of the internet."""
    from infra.app import build_app  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("apart")
    cluster = {
        **CLUSTER,
        "internal": False,
        "allowed_cidr": "203.0.113.0/24",
        "host_subnet_ids": ["subnet-0a", "subnet-0b"],
    }
    build_app(str(folder), {"platform": "lambda", "clusters": [cluster]}).synth()
    found: dict[str, Any] = json.loads((folder / "lifecycle-production-hello.template.json").read_text())
    return found


def test_hosts_may_have_subnets_apart_from_those_of_the_load_balancer(apart: dict[str, Any]) -> None:
    assert only(apart, "AutoScaling::AutoScalingGroup")["VPCZoneIdentifier"] == ["subnet-0a", "subnet-0b"]
    assert only(apart, "ElasticLoadBalancingV2::LoadBalancer")["Subnets"] == CLUSTER["subnet_ids"]


def test_hosts_are_in_the_load_balancers_subnets_where_no_others_are_named() -> None:
    assert list(ClusterSettings.read(CLUSTER).of_hosts) == CLUSTER["subnet_ids"]


def test_event_of_a_group_names_its_cluster() -> None:
    event = HostTerminated.model_validate({"group": "lifecycle-staging-my-shop", "host": "i-1"})
    assert str(event.cluster) == "staging/my-shop"
    found = Converge.model_validate({"group": "lifecycle-production-hello", "requested_by": "auto-scaling"})
    assert [str(each) for each in found.named()] == ["production/hello"]


def test_instance_of_any_cluster_that_is_about_to_end_is_drained(control_plane: dict[str, Any]) -> None:
    rules = resources(control_plane, "Events::Rule").values()
    (rule,) = [each for each in rules if "Lifecycle Action" in str(each["EventPattern"])]
    assert rule["EventPattern"]["detail"] == {
        "AutoScalingGroupName": [{"prefix": "lifecycle-staging-"}, {"prefix": "lifecycle-production-"}],
        "LifecycleHookName": ["lifecycle-drain"],
    }
    (target,) = rule["Targets"]
    assert "hostterminating" in text(target["Arn"]).lower()
    sent = target["InputTransformer"]["InputTemplate"]
    for field, value in (("EC2InstanceId", "i-0123"), ("AutoScalingGroupName", "lifecycle-production-hello")):
        sent = sent.replace(f"<detail-{field}>", f'"{value}"')
    expected = HostTerminating(service="hello", environment="production", host="i-0123")
    assert HostTerminating.model_validate_json(sent.replace('""', '"')) == expected


@pytest.mark.parametrize("group", ["lifecycle-production-", "lifecycle-agents", "shop", "lifecycle-prod-hello"])
def test_event_of_a_group_that_is_no_clusters_is_refused_with_its_name(group: str) -> None:
    with pytest.raises(ValueError, match=f"expected the Auto Scaling group of a cluster.*{group}"):
        Converge.model_validate({"group": group, "requested_by": "auto-scaling"})


# What IAM and the endpoints call alike, but for these.
ENDPOINTS = {"cloudwatch": "monitoring"}


def test_page_lists_the_endpoint_of_each_service_that_a_host_calls(asg: dict[str, Any]) -> None:
    granted = [each for kind in ("IAM::Role", "IAM::Policy") for each in resources(asg, kind).values()]
    services = {action.partition(":")[0] for each in granted for action in allowed(each)}
    page = (Path(__file__).resolve().parents[2] / "docs" / "aws-install.md").read_text()
    listed = set(re.findall(r"`com\.amazonaws\.<region>\.([a-z0-9]+)`", page))
    assert listed == {ENDPOINTS.get(each, each) for each in services}
