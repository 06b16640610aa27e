"""Clusters: the one template for hosts of one's own, and a stack with EC2 hosts."""

import json
from typing import Any

from tests.infra.reading import allowed, only, resources, statements

LEDGER = "dynamodb:table/lifecycle-ledger"


def test_the_template_asks_for_what_differs(byo: dict[str, Any]) -> None:
    defaults = {name: parameter.get("Default") for name, parameter in byo["Parameters"].items()}
    assert defaults == {
        "Service": None,
        "Environment": None,
        "VpcId": None,
        "SubnetIds": None,
        "ListenerPort": 80,
        "Scheme": "internal",
        "AllowedCidr": "10.0.0.0/8",
        "IsAlivePath": "/is_alive",
        "DrainSeconds": 60,
        "CertificateArn": "",
        "Address": "",
    }


def test_a_target_is_found_alive_or_dead_after_two_checks_and_drains_as_long_as_told(
    byo: dict[str, Any], asg: dict[str, Any]
) -> None:
    for template, drain in ((byo, {"Ref": "DrainSeconds"}), (asg, "60")):
        group = only(template, "ElasticLoadBalancingV2::TargetGroup")
        assert group["TargetType"] == "ip"
        assert group["HealthCheckIntervalSeconds"] == 5
        assert group["HealthyThresholdCount"] == group["UnhealthyThresholdCount"] == 2
        assert group["Matcher"] == {"HttpCode": "200-299"}
        assert group["TargetGroupAttributes"] == [
            {"Key": "deregistration_delay.timeout_seconds", "Value": drain}
        ]
        assert "Targets" not in group


def test_the_parameters_name_the_target_group_and_the_address(
    byo: dict[str, Any], asg: dict[str, Any]
) -> None:
    names = {json.dumps(p["Name"]) for p in resources(byo, "SSM::Parameter").values()}
    assert names == {
        json.dumps({"Fn::Sub": f"/lifecycle/${{Environment}}/${{Service}}/{leaf}"})
        for leaf in ("target-group", "address")
    }
    assert {p["Name"] for p in resources(asg, "SSM::Parameter").values()} == {
        "/lifecycle/production/hello/target-group",
        "/lifecycle/production/hello/address",
    }


def test_a_host_reads_its_clusters_turns_writes_its_clusters_reports_and_gets_its_services_artifacts(
    byo: dict[str, Any],
) -> None:
    role = only(byo, "IAM::Role")
    bucket = "s3:::lifecycle-artifacts-${AWS::AccountId}-${AWS::Region}"
    assert allowed(role) == {
        "dynamodb:GetItem": {LEDGER},
        "dynamodb:PutItem": {LEDGER},
        "s3:GetObject": {f"{bucket}/release/${{Service}}/*", f"{bucket}/snapshot/${{Service}}/*"},
    }
    partitions = {
        tuple(statement["Action"])
        if isinstance(statement["Action"], list)
        else statement["Action"]: statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
        for statement in statements(role)
        if "Condition" in statement
    }
    assert partitions == {
        "dynamodb:GetItem": [{"Fn::Sub": "TURNS#${Environment}/${Service}"}],
        ("dynamodb:GetItem", "dynamodb:PutItem"): [{"Fn::Sub": "REPORTS#${Environment}/${Service}"}],
    }
    assert role["RoleName"] == {"Fn::Sub": "lifecycle-host-${Environment}-${Service}"}


def test_ec2_hosts_use_imdsv2_and_are_registered_by_nobody_but_lifecycle(asg: dict[str, Any]) -> None:
    group = only(asg, "AutoScaling::AutoScalingGroup")
    assert group["MinSize"] == group["MaxSize"] == group["DesiredCapacity"] == "4"
    assert "TargetGroupARNs" not in group
    assert group["HealthCheckType"] == "EC2"
    data = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


def test_the_agent_is_installed_at_boot_and_its_version_kept_daily(asg: dict[str, Any]) -> None:
    association = only(asg, "SSM::Association")
    assert association["Name"] == "AWS-RunShellScript"
    assert association["ScheduleExpression"] == "rate(1 day)"
    booted = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    assert association["Parameters"]["commands"] == [booted]
    script = json.dumps(booted)
    assert "python3.11 -P -m apps.agent run" in script
    assert "LIFECYCLE_SERVICE=hello" in script
    assert "LIFECYCLE_ENVIRONMENT=production" in script


def test_ec2_may_use_the_host_role_beside_the_account(byo: dict[str, Any], asg: dict[str, Any]) -> None:
    (trust,) = only(byo, "IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert list(trust["Principal"]) == ["AWS"]
    trusted = only(asg, "IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert {"Service": "ec2.amazonaws.com"} in [each["Principal"] for each in trusted]
