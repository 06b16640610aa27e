"""Clusters: the template for hosts that exist already, and a stack with EC2 hosts."""

import json
from pathlib import Path
from typing import Any

import pytest

from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.cluster import service_name
from lifecycle.entrypoints.events import Converge, HostTerminated
from lifecycle.entrypoints.recordable import Command
from tests.infra.reading import allowed, only, resources, statements, text

LEDGER = "dynamodb:table/lifecycle-ledger"
# What Systems Manager needs of an instance, without a resource.
MANAGED = {
    *("ssm:UpdateInstanceInformation", "ssm:ListAssociations", "ssm:ListInstanceAssociations"),
    *("ssm:DescribeAssociation", "ssm:UpdateAssociationStatus", "ssm:UpdateInstanceAssociationStatus"),
}
LEAVES = ("target-group", "test-bed-group", "control-group", "listener", "address", "target-zone")
LONGEST_SERVICE = 24
LONGEST_TARGET_GROUP = 32

CONFIG = "ssm:parameter/lifecycle/${Environment}/${Service}/config"


def test_differences_between_clusters_are_parameters(byo: dict[str, Any]) -> None:
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
        "TargetZone": "vpc",
        "Address": "",
        "MostErrorPercent": 2,
        "MostLatencySeconds": 2,
        "MostUnhealthyHosts": 0,
    }


def test_two_checks_decide_about_a_targets_health_and_it_drains_for_the_given_time(
    byo: dict[str, Any], asg: dict[str, Any]
) -> None:
    for template, drain in ((byo, {"Ref": "DrainSeconds"}), (asg, "60")):
        groups = resources(template, "ElasticLoadBalancingV2::TargetGroup").values()
        assert len(groups) == 3
        for group in groups:
            assert group["TargetType"] == "ip"
            assert group["HealthCheckIntervalSeconds"] == 5
            assert group["HealthyThresholdCount"] == group["UnhealthyThresholdCount"] == 2
            assert group["Matcher"] == {"HttpCode": "200-299"}
            assert group["TargetGroupAttributes"] == [{"Key": "deregistration_delay.timeout_seconds", "Value": drain}]
            assert "Targets" not in group


def test_a_cluster_has_groups_for_a_test_bed_and_its_control_whose_names_fit_and_are_no_other_services(
    asg: dict[str, Any],
) -> None:
    names = [g["Name"] for g in resources(asg, "ElasticLoadBalancingV2::TargetGroup").values()]
    assert sorted(names) == ["lc-p-hello", "lc-p-hello--c", "lc-p-hello--t"]
    longest = "a" * LONGEST_SERVICE
    assert max(len(name.replace("hello", longest)) for name in names) <= LONGEST_TARGET_GROUP
    with pytest.raises(InvalidName):
        service_name("hello--t")


def test_all_requests_go_to_the_main_group_and_the_others_are_named_so_that_they_are_checked(
    byo: dict[str, Any],
) -> None:
    (action,) = only(byo, "ElasticLoadBalancingV2::Listener")["DefaultActions"]
    groups = resources(byo, "ElasticLoadBalancingV2::TargetGroup")
    shares = {each["TargetGroupArn"]["Ref"]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]}
    assert shares.keys() == groups.keys()
    assert sorted((name.startswith("FrontTargetGroup"), weight) for name, weight in shares.items()) == [
        (False, 0),
        (False, 0),
        (True, 1),
    ]


def test_the_parameters_name_the_target_groups_the_listener_and_the_address(
    byo: dict[str, Any], asg: dict[str, Any]
) -> None:
    names = {json.dumps(p["Name"]) for p in resources(byo, "SSM::Parameter").values()}
    assert names == {json.dumps({"Fn::Sub": f"/lifecycle/${{Environment}}/${{Service}}/{leaf}"}) for leaf in LEAVES}
    assert {p["Name"] for p in resources(asg, "SSM::Parameter").values()} == {
        f"/lifecycle/production/hello/{leaf}" for leaf in (*LEAVES, "auto-scaling-group")
    }
    (group,) = (p for p in resources(asg, "SSM::Parameter").values() if p["Name"].endswith("auto-scaling-group"))
    assert group["Value"] == only(asg, "AutoScaling::AutoScalingGroup")["AutoScalingGroupName"]
    kinds = {
        p["Name"].rpartition("/")[2]: asg["Resources"][p["Value"]["Ref"]]["Type"].rpartition("::")[2]
        for p in resources(asg, "SSM::Parameter").values()
        if "Ref" in p["Value"]
    }
    assert kinds == {**dict.fromkeys(LEAVES[:3], "TargetGroup"), "listener": "Listener"}


def test_a_host_reads_its_clusters_turns_writes_its_clusters_reports_and_gets_its_services_artifacts(
    byo: dict[str, Any],
) -> None:
    role = only(byo, "IAM::Role")
    bucket = "s3:::lifecycle-artifacts-${AWS::AccountId}-${AWS::Region}"
    log = "logs:log-group:/lifecycle/${Environment}/${Service}"
    assert allowed(role) == {
        "dynamodb:GetItem": {LEDGER},
        "dynamodb:PutItem": {LEDGER},
        "s3:GetObject": {f"{bucket}/release/${{Service}}/*", f"{bucket}/snapshot/${{Service}}/*"},
        "s3:ListBucket": {bucket},
        "cloudwatch:PutMetricData": {"*"},
        "ssm:GetParameter": {CONFIG, f"{CONFIG}:*"},
        "kms:Decrypt": {"kms:key/*"},
        "secretsmanager:GetSecretValue": {"secretsmanager:secret:lifecycle/${Environment}/${Service}/*"},
        "logs:CreateLogStream": {log, f"{log}:*"},
        "logs:PutLogEvents": {log, f"{log}:*"},
    }
    partitions = [
        (statement["Action"], statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"])
        for statement in statements(role)
        if "ForAllValues:StringEquals" in statement.get("Condition", {})
    ]
    write = ["dynamodb:GetItem", "dynamodb:PutItem"]
    assert partitions == [
        ("dynamodb:GetItem", [{"Fn::Sub": "TURNS#${Environment}/${Service}"}]),
        (write, [{"Fn::Sub": "REPORTS#${Environment}/${Service}"}]),
        (write, [{"Fn::Sub": "SCHEDULES#${Environment}/${Service}"}]),
        ("dynamodb:GetItem", [{"Fn::Sub": "CLUSTER#${Environment}/${Service}"}]),
    ]
    assert role["RoleName"] == {"Fn::Sub": "lc-host-${Environment}-${Service}-${AWS::Region}"}


@pytest.mark.parametrize("name", ["byo", "asg"])
def test_a_host_decrypts_the_configuration_of_its_own_cluster_only(name: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(name)
    (role,) = (each for each in resources(template, "IAM::Role").values() if "RoleName" in each)
    (granted,) = (each for each in statements(role) if each["Action"] == "kms:Decrypt")
    own = CONFIG if name == "byo" else "ssm:parameter/lifecycle/production/hello/config"
    assert granted["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/lifecycle-config"}
    assert text(granted["Condition"]["StringEquals"]["kms:EncryptionContext:PARAMETER_ARN"]) == own


def test_a_host_publishes_metrics_of_its_own_cluster_only(byo: dict[str, Any]) -> None:
    (condition,) = (
        each["Condition"]
        for each in statements(only(byo, "IAM::Role"))
        if each["Action"] == "cloudwatch:PutMetricData"
    )
    assert condition == {
        "StringEqualsIfExists": {"cloudwatch:namespace": {"Fn::Sub": "Lifecycle/${Environment}/${Service}"}}
    }


def test_ec2_hosts_use_imdsv2_and_only_lifecycle_registers_them(asg: dict[str, Any]) -> None:
    group = only(asg, "AutoScaling::AutoScalingGroup")
    assert group["MinSize"] == group["MaxSize"] == group["DesiredCapacity"] == "4"
    assert "TargetGroupARNs" not in group
    assert group["HealthCheckType"] == "EC2"
    data = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


def test_hosts_cost_no_metrics_unless_they_are_asked_for(asg: dict[str, Any]) -> None:
    data = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]
    assert data["Monitoring"] == {"Enabled": False}
    assert "LIFECYCLE_METRICS_ALWAYS=0" in json.dumps(data["UserData"])


def test_the_agent_is_installed_at_boot_and_updated_daily(asg: dict[str, Any]) -> None:
    association = only(asg, "SSM::Association")
    assert association["Name"] == "AWS-RunShellScript"
    assert association["ScheduleExpression"] == "rate(1 day)"
    booted = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    assert association["Parameters"]["commands"] == [booted]
    assert (association["MaxConcurrency"], association["MaxErrors"]) == ("10%", "1")
    script = json.dumps(booted)
    assert "$python -P -m apps.agent run" in script
    assert "TimeoutStopSec=900" in script
    assert "LIFECYCLE_SERVICE=hello" in script
    assert "LIFECYCLE_ENVIRONMENT=production" in script


def test_ec2_service_is_another_user_than_its_agent_and_cannot_reach_the_instances_role(asg: dict[str, Any]) -> None:
    booted = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    script = "".join(part if isinstance(part, str) else "x" for part in booted["Fn::Join"][1])
    unit = script[script.index("[Service]") : script.index("[Install]")].splitlines()
    assert not [line for line in unit if line.startswith("User=")]
    assert "ExecStartPre=+/usr/sbin/nft -f /etc/lifecycle-agent.nft" in unit
    assert {"NoNewPrivileges=true", "ProtectSystem=full", "MemoryMax=95%", "TasksMax=50%"} < set(unit)
    (kept,) = [line.partition("=")[2].split() for line in unit if line.startswith("CapabilityBoundingSet=")]
    assert not {"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_MODULE", "CAP_SETPCAP"} & set(kept)
    assert "LIFECYCLE_SERVICE_USER=lifecycle\n" in script
    for address in ("ip daddr 169.254.169.254", "ip6 daddr fd00:ec2::254"):
        assert f"meta skuid lifecycle {address} reject\n" in script
    # While an agent of before works, nothing that it owns is taken from it.
    assert script.index("systemctl stop") < script.index("chown ") < script.index("systemctl start")


def test_ec2_may_use_the_host_role_beside_the_account(byo: dict[str, Any], asg: dict[str, Any]) -> None:
    (trust,) = only(byo, "IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert list(trust["Principal"]) == ["AWS"]
    trusted = only(asg, "IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert {"Service": "ec2.amazonaws.com"} in [each["Principal"] for each in trusted]


def test_an_ec2_host_reads_its_agents_bundle_and_completes_its_own_groups_launch(asg: dict[str, Any]) -> None:
    found = allowed(only(asg, "IAM::Policy"))
    (bundle,) = found.pop("s3:GetObject")
    assert "cdk-hnb659fds-assets" in bundle
    group = "autoScalingGroup:*:autoScalingGroupName/lifecycle-production-hello"
    document = "ssm:${AWS::Region}:*:document/AWS-RunShellScript"
    messages = {name for name in found if name.startswith(("ssmmessages:", "ec2messages:"))}
    assert len(messages) == 10
    assert found == {name: {"*"} for name in (*messages, *MANAGED)} | {
        "autoscaling:CompleteLifecycleAction": {f"autoscaling:{group}"},
        "ssm:GetDocument": {document},
        "ssm:DescribeDocument": {document},
    }


def test_an_ec2_host_reads_the_parameter_of_its_own_configuration_and_no_other(
    asg: dict[str, Any], asg_workers: dict[str, Any]
) -> None:
    for template, service in ((asg, "hello"), (asg_workers, "work")):
        (role,) = (each for each in resources(template, "IAM::Role").values() if "RoleName" in each)
        assert "ManagedPolicyArns" not in role
        found = allowed(role)
        for name, more in allowed(only(template, "IAM::Policy")).items():
            found[name] = found.get(name, set()) | more
        own = f"ssm:parameter/lifecycle/production/{service}/config"
        assert {name: where for name, where in found.items() if name.startswith("ssm:GetParameter")} == {
            "ssm:GetParameter": {own, f"{own}:*"}
        }


def test_an_instance_counts_as_launched_when_its_agent_reports_and_is_kept_when_it_does_not(
    asg: dict[str, Any],
) -> None:
    launch, terminate = only(asg, "AutoScaling::AutoScalingGroup")["LifecycleHookSpecificationList"]
    assert terminate == {
        "LifecycleHookName": "lifecycle-drain",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": 660,
        "DefaultResult": "CONTINUE",
    }
    assert launch == {
        "LifecycleHookName": "agent-reports",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "HeartbeatTimeout": 600,
        "DefaultResult": "CONTINUE",
    }
    booted = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    script = "".join(part if isinstance(part, str) else "x" for part in booted["Fn::Join"][1])
    named = "LIFECYCLE_HOST=$host\n"
    reported = '{"pk": {"S": "REPORTS#production/hello"}, "sk": {"S": "\'"$host"\'"}}'
    launched = "--auto-scaling-group-name 'lifecycle-production-hello'"
    for part in ('host="$(metadata instance-id)"', named, reported, launched, "'agent-reports'"):
        assert part in script
    assert script.index(reported) < script.index("systemctl start") < script.index(launched)


def test_first_instance_boots_after_its_role_may_read_the_bundle(asg: dict[str, Any]) -> None:
    (group,) = (r for r in asg["Resources"].values() if r["Type"] == "AWS::AutoScaling::AutoScalingGroup")
    policies = [name for name, r in asg["Resources"].items() if r["Type"] == "AWS::IAM::Policy"]
    assert policies
    assert set(policies) < set(group["DependsOn"])


@pytest.mark.parametrize(
    ("what", "function", "sent"),
    [
        (
            "Terminate",
            "lifecycle-host-terminated",
            HostTerminated(service="hello", environment="production", host="i-0123456789abcdef0"),
        ),
        (
            "Launch",
            "lifecycle-converge",
            Converge(service="hello", environment="production", requested_by="auto-scaling"),
        ),
    ],
)
def test_the_events_of_new_and_terminated_instances_are_accepted_by_their_functions(
    control_plane: dict[str, Any], asg: dict[str, Any], what: str, function: str, sent: Command
) -> None:
    wanted = [f"EC2 Instance {what} Successful"]
    rules = resources(control_plane, "Events::Rule").items()
    ((rule_id, rule),) = ((name, each) for name, each in rules if each["EventPattern"].get("detail-type") == wanted)
    group = only(asg, "AutoScaling::AutoScalingGroup")["AutoScalingGroupName"]
    prefixes = [each["prefix"] for each in rule["EventPattern"]["detail"]["AutoScalingGroupName"]]
    assert prefixes == ["lifecycle-staging-", "lifecycle-production-"]
    assert group.startswith(prefixes[1])
    (target,) = rule["Targets"]
    (called,) = (
        each["FunctionName"]
        for name, each in resources(control_plane, "Lambda::Function").items()
        if target["Arn"] == {"Fn::GetAtt": [name, "Arn"]}
    )
    assert called == function
    assert type(sent).model_validate_json(transformed(target, group)) == sent
    permissions = resources(control_plane, "Lambda::Permission").values()
    (permission,) = (each for each in permissions if each.get("SourceArn") == {"Fn::GetAtt": [rule_id, "Arn"]})
    assert permission["FunctionName"] == target["Arn"]
    assert (permission["Action"], permission["Principal"]) == ("lambda:InvokeFunction", "events.amazonaws.com")


def test_a_cluster_adds_no_statement_to_a_functions_policy_and_no_rule(asg: dict[str, Any]) -> None:
    """A function's resource policy has room for 49 statements of this size."""
    assert not resources(asg, "Lambda::Permission")
    assert not resources(asg, "Events::Rule")


def transformed(target: dict[str, Any], group: str) -> str:
    """Return the event that EventBridge sends: a path's string is in the template with its quotes."""
    values = {"$.detail.EC2InstanceId": "i-0123456789abcdef0", "$.detail.AutoScalingGroupName": group}
    transformer = target["InputTransformer"]
    found = str(transformer["InputTemplate"])
    for name, path in transformer["InputPathsMap"].items():
        found = found.replace(f"<{name}>", json.dumps(values[path]))
    return found


def test_the_control_plane_is_deployed_before_a_cluster_that_calls_its_functions(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    assert "lifecycle" in manifest["lifecycle-production-hello"]["dependencies"]


def test_a_cluster_has_a_log_group_whose_lines_last_a_month(byo: dict[str, Any], asg: dict[str, Any]) -> None:
    name = {"Fn::Sub": "/lifecycle/${Environment}/${Service}"}
    for template, expected in ((byo, name), (asg, "/lifecycle/production/hello")):
        group = only(template, "Logs::LogGroup")
        assert (group["LogGroupName"], group["RetentionInDays"]) == (expected, 30)
