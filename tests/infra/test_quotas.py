"""Quotas of AWS that no schema knows, over the templates; the sources are beside the numbers.

A cluster's stack adds nothing to what clusters share (test_clusters.py), and the control plane's template depends on
their number in the dashboard only. So the other quotas are the same for one cluster and for 500.
"""

import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.infra.reading import listed, resources
from tests.infra.test_topology import templates

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: characters without white space.
MANAGED_POLICY, INLINE_POLICIES, TRUST_POLICY, POLICIES_OF_A_ROLE = 6_144, 10_240, 2_048, 10
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: bytes.
RESOURCE_POLICY, ENVIRONMENT, LAYERS = 20_480, 4_096, 5
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: bytes.
DEFINITION = 1_048_576
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: the smallest quota of any region for rules.
RULES, TARGETS_OF_A_RULE, PATTERN = 100, 5, 2_048
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
TEMPLATE, RESOURCES, PARAMETERS, OUTPUTS = 1_048_576, 500, 200, 200
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
WIDGETS, ALARMS_OF_A_WIDGET = 500, 100
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: bytes before base64.
USER_DATA = 16_384
# The longest name of each kind, from the API reference of each service.
NAMES = {
    ("Lambda::Function", "FunctionName"): 64,
    ("IAM::Role", "RoleName"): 64,
    ("IAM::ManagedPolicy", "ManagedPolicyName"): 128,
    ("StepFunctions::StateMachine", "StateMachineName"): 80,
    ("Events::Rule", "Name"): 64,
    ("Scheduler::Schedule", "Name"): 64,
    ("S3::Bucket", "BucketName"): 63,
    ("SNS::Topic", "TopicName"): 256,
    ("CloudWatch::Alarm", "AlarmName"): 255,
    ("CloudWatch::Dashboard", "DashboardName"): 255,
    ("DynamoDB::Table", "TableName"): 255,
    ("AutoScaling::AutoScalingGroup", "AutoScalingGroupName"): 255,
    ("SSM::Association", "AssociationName"): 128,
}
# The longest values that a placeholder may have.
LONGEST = {
    "${AWS::Partition}": "aws-us-gov",
    "${AWS::Region}": "us-isof-south-1",
    "${AWS::AccountId}": "1" * 12,
    "${Service}": "s" * 24,
    "${Environment}": "production",
}


def filled(value: Any) -> str:
    """Return a value as CloudFormation deploys it, at its longest: policies are JSON without white space."""
    if isinstance(value, dict) and value.keys() == {"Fn::Sub"}:
        value = value["Fn::Sub"]
    if isinstance(value, dict) and value.keys() == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return str(separator).join(map(filled, parts))
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::FindInMap"):
        return "arn:aws-us-gov:service:us-isof-south-1:111111111111:resource/" + "x" * 64
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{_quoted(each)}' for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_quoted, value)) + "]"
    text = str(value)
    for placeholder, longest in LONGEST.items():
        text = text.replace(placeholder, longest)
    return text.replace("hello", "h" * 24)


def _quoted(value: Any) -> str:
    text = filled(value)
    return text if isinstance(value, list) or text.startswith("{") else f'"{text}"'


@pytest.fixture(scope="module")
def every(assembly: Path) -> dict[str, dict[str, Any]]:
    return dict(templates(assembly))


def test_policies_of_iam_fit(every: dict[str, dict[str, Any]]) -> None:
    for name, template in every.items():
        for policy in resources(template, "IAM::ManagedPolicy").values():
            assert len(filled(policy["PolicyDocument"])) <= MANAGED_POLICY, f"{name}: {policy['ManagedPolicyName']}"
        for logical, role in resources(template, "IAM::Role").items():
            inline = [each["PolicyDocument"] for each in role.get("Policies", [])]
            for policy in resources(template, "IAM::Policy").values():
                inline += [policy["PolicyDocument"]] if {"Ref": logical} in policy["Roles"] else []
            assert sum(len(filled(each)) for each in inline) <= INLINE_POLICIES, f"{name}: {logical}"
            assert len(filled(role["AssumeRolePolicyDocument"])) <= TRUST_POLICY, f"{name}: {logical}"
            assert len(role.get("ManagedPolicyArns", [])) <= POLICIES_OF_A_ROLE, f"{name}: {logical}"


def test_resource_policy_of_each_function_fits_with_500_clusters(every: dict[str, dict[str, Any]]) -> None:
    sizes: dict[str, int] = defaultdict(int)
    for template in every.values():
        for logical, permission in resources(template, "Lambda::Permission").items():
            # As Lambda writes it: a statement with its id, principal, action, resource and condition.
            sizes[filled(permission["FunctionName"])] += 600 + len(logical) + len(filled(permission))
    assert sizes
    assert max(sizes.values()) <= RESOURCE_POLICY


def test_functions_fit(every: dict[str, dict[str, Any]]) -> None:
    for template in every.values():
        for function in resources(template, "Lambda::Function").values():
            variables = function.get("Environment", {}).get("Variables", {})
            assert sum(len(key) + len(filled(value)) for key, value in variables.items()) <= ENVIRONMENT
            assert len(function.get("Layers", [])) <= LAYERS


def test_state_machines_and_rules_fit(every: dict[str, dict[str, Any]]) -> None:
    rules = 0
    for template in every.values():
        for machine in resources(template, "StepFunctions::StateMachine").values():
            assert len(machine["DefinitionString"]) + 200 * machine["DefinitionString"].count("${") <= DEFINITION
        for rule in resources(template, "Events::Rule").values():
            rules += 1
            assert len(rule["Targets"]) <= TARGETS_OF_A_RULE
            assert len(filled(rule.get("EventPattern", ""))) <= PATTERN
    assert 0 < rules <= RULES


def test_templates_fit(every: dict[str, dict[str, Any]]) -> None:
    for name, template in every.items():
        assert len(json.dumps(template)) <= TEMPLATE, name
        assert len(template["Resources"]) <= RESOURCES, name
        assert len(template.get("Parameters", {})) <= PARAMETERS, name
        assert len(template.get("Outputs", {})) <= OUTPUTS, name


def test_names_fit_in_the_longest_region_for_the_longest_service(every: dict[str, dict[str, Any]]) -> None:
    seen = set()
    for template in every.values():
        for (kind, field), most in NAMES.items():
            for found in resources(template, kind).values():
                if field in found:
                    seen.add((kind, field))
                    name = filled(found[field]) if "Ref" not in str(found[field]) else ""
                    assert len(name) <= most, f"{kind}: {name} has {len(name)} characters"
    assert seen == set(NAMES)


def test_user_data_of_a_host_fits(every: dict[str, dict[str, Any]]) -> None:
    found = [
        each["LaunchTemplateData"]["UserData"]["Fn::Base64"]
        for template in every.values()
        for each in resources(template, "EC2::LaunchTemplate").values()
    ]
    assert found
    assert max(len(filled(each).encode()) for each in found) <= USER_DATA


@pytest.mark.parametrize("clusters", [1, 50, 500])
def test_dashboard_fits_with_so_many_clusters(clusters: int) -> None:
    from aws_cdk import App, Stack  # noqa: PLC0415
    from aws_cdk.assertions import Template  # noqa: PLC0415

    from infra.constructs.dashboard import Dashboard  # noqa: PLC0415

    stack = Stack(App(analytics_reporting=False), "one")
    Dashboard(stack, "Dashboard", [f"production/service{number:03}" for number in range(clusters)])
    (found,) = Template.from_stack(stack).find_resources("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(found["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    alarms = [each["properties"]["alarms"] for each in widgets if each["type"] == "alarm"]
    assert len(widgets) <= WIDGETS
    assert max(map(len, alarms)) <= ALARMS_OF_A_WIDGET
    assert sum(map(len, alarms)) == 3 * clusters
    rows = sorted((each["y"], each["y"] + each["height"], each["x"]) for each in widgets if each["type"] == "alarm")
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(rows))


def test_actions_of_every_statement_are_of_one_service_and_no_wildcard(every: dict[str, dict[str, Any]]) -> None:
    """cfn-lint compares the names of the actions with AWS's list (W3037, test_template_lint.py)."""
    for name, template in every.items():
        for kind in ("IAM::Role", "IAM::ManagedPolicy", "IAM::Policy"):
            for found in resources(template, kind).values():
                documents = [each["PolicyDocument"] for each in found.get("Policies", [])] + [
                    found.get("PolicyDocument")
                ]
                for statement in (each for document in documents if document for each in document["Statement"]):
                    assert not [a for a in listed(statement["Action"]) if "*" in a], f"{name}: {statement}"
