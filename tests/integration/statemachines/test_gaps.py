"""The differences between the emulator and AWS that the infrastructure avoids, one expected failure each.

Strict: an upgrade that closes a gap fails here, and then the work-around in infra/ can go.
"""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import WaiterError

from apps.local.aws.clients import Aws
from apps.local.paths import ACCOUNT
from tests.integration.statemachines.acting import HERE, Acting, is_allowed

pytestmark = pytest.mark.emulator


def gap(reason: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, reason=reason, raises=AssertionError)


@gap("GetParametersByPath is judged on *: infra's registry_list widens it for the emulator")
def test_listing_parameters_may_be_scoped_to_a_path(acting: Acting) -> None:
    resources = [f"arn:aws:ssm:{HERE}:parameter/lifecycle", f"arn:aws:ssm:{HERE}:parameter/lifecycle/*"]
    ssm = acting("ssm", {"Action": "ssm:GetParametersByPath", "Resource": resources})
    assert is_allowed(ssm.get_parameters_by_path, Path="/lifecycle", Recursive=True)


@gap("BatchGetBuilds is judged on *: infra's see_builds widens it for the emulator")
def test_reading_builds_may_be_scoped_to_their_project(acting: Acting) -> None:
    project = f"arn:aws:codebuild:{HERE}:project/lifecycle-build"
    codebuild = acting("codebuild", {"Action": "codebuild:BatchGetBuilds", "Resource": project})
    assert is_allowed(codebuild.batch_get_builds, ids=["lifecycle-build:1"])


@gap("StopBuild is judged on *: infra's stop_builds widens it for the emulator")
def test_stopping_builds_may_be_scoped_to_their_project(acting: Acting) -> None:
    project = f"arn:aws:codebuild:{HERE}:project/lifecycle-build"
    codebuild = acting("codebuild", {"Action": "codebuild:StopBuild", "Resource": project})
    assert is_allowed(codebuild.stop_build, id="lifecycle-build:1")


@gap("GetDashboard is judged on *: infra's see_dashboard widens it for the emulator")
def test_reading_a_dashboard_may_be_scoped_to_it(acting: Acting) -> None:
    dashboard = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/lifecycle"
    cloudwatch = acting("cloudwatch", {"Action": "cloudwatch:GetDashboard", "Resource": dashboard})
    assert is_allowed(cloudwatch.get_dashboard, DashboardName="lifecycle")


@gap("GetLogEvents is judged on the group, not its stream: infra's see_builds names both")
def test_reading_a_log_may_be_scoped_to_the_streams_of_a_group(acting: Acting) -> None:
    streams = f"arn:aws:logs:{HERE}:log-group:/aws/codebuild/lifecycle-build:*"
    logs = acting("logs", {"Action": "logs:GetLogEvents", "Resource": streams})
    group, stream = "/aws/codebuild/lifecycle-build", "1"
    assert is_allowed(logs.get_log_events, logGroupName=group, logStreamName=stream)


@gap("GetParameter asks no KMS: on a laptop, every role that may read a configuration's parameter may decrypt it")
def test_a_role_without_kms_decrypts_no_secure_string(acting: Acting, emulator: Aws) -> None:
    name = "/lifecycle/production/gap/config"
    emulator.client("ssm").put_parameter(
        Name=name, Value="value", Type="SecureString", KeyId="alias/lifecycle-config"
    )
    ssm = acting("ssm", {"Action": "ssm:GetParameter", "Resource": f"arn:aws:ssm:{HERE}:parameter{name}"})
    assert not is_allowed(ssm.get_parameter, Name=name, WithDecryption=True)


@gap("a secure string is stored in base64, not encrypted: the state of a laptop has its values")
def test_a_secure_string_is_encrypted(emulator: Aws) -> None:
    ssm, value = emulator.client("ssm"), "value"
    ssm.put_parameter(Name="/gap/encrypted", Value=value, Type="SecureString", Overwrite=True)
    found = ssm.get_parameter(Name="/gap/encrypted")["Parameter"]["Value"]
    assert base64.b64encode(value.encode()).decode() not in found


@gap("a version of a parameter is judged as part of its name: infra's read_config names both")
def test_reading_a_version_may_be_scoped_to_its_parameter(acting: Acting, emulator: Aws) -> None:
    name = "/lifecycle/production/gap/version"
    emulator.client("ssm").put_parameter(Name=name, Value="value", Type="String", Overwrite=True)
    ssm = acting("ssm", {"Action": "ssm:GetParameter", "Resource": f"arn:aws:ssm:{HERE}:parameter{name}"})
    assert is_allowed(ssm.get_parameter, Name=f"{name}:1")


@gap("ExcludePunctuation of a generated secret is ignored; the webhook's secret is used as it is")
def test_a_generated_secret_has_no_punctuation(emulator: Aws) -> None:
    generated = {"PasswordLength": 48, "ExcludePunctuation": True}
    secret = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"Name": "gap", "GenerateSecretString": generated},
    }
    formation = emulator.client("cloudformation")
    formation.create_stack(StackName="gap", TemplateBody=json.dumps({"Resources": {"Secret": secret}}))
    formation.get_waiter("stack_create_complete").wait(StackName="gap", WaiterConfig={"Delay": 1})
    found = emulator.client("secretsmanager").get_secret_value(SecretId="gap")["SecretString"]
    assert found.isalnum()


@gap("an alarm on metric math is refused: infra's alarms count errors for the emulator instead of their share")
def test_an_alarm_may_be_on_the_ratio_of_two_metrics(emulator: Aws) -> None:
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount"}
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 2,
            "Metrics": [
                {"Id": "rate", "Expression": "100 * requests / requests"},
                {
                    "Id": "requests",
                    "ReturnData": False,
                    "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
                },
            ],
        },
    }
    formation = emulator.client("cloudformation")
    formation.create_stack(StackName="math", TemplateBody=json.dumps({"Resources": {"Alarm": alarm}}))
    try:
        formation.get_waiter("stack_create_complete").wait(StackName="math", WaiterConfig={"Delay": 1})
    except WaiterError as error:
        raise AssertionError("the stack was not created") from error


@gap("an alarm has no time of its last transition: gateways/aws/alarms.py uses its last update instead")
def test_an_alarm_has_the_time_since_which_it_rings(emulator: Aws) -> None:
    cloudwatch = emulator.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="gap",
        Namespace="AWS/ApplicationELB",
        MetricName="RequestCount",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName="gap", StateValue="ALARM", StateReason="to see")
    (found,) = cloudwatch.describe_alarms(AlarmNames=["gap"])["MetricAlarms"]
    assert "StateTransitionedTimestamp" in found


@gap("a forward action's weights are dropped: the laptop's dispatcher remembers them")
def test_a_listener_keeps_the_weights_of_its_target_groups(emulator: Aws) -> None:
    elbv2 = emulator.client("elbv2")
    names = ("gap-one", "gap-two")
    groups = [
        elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip")
        for name in names
    ]
    arns = [group["TargetGroups"][0]["TargetGroupArn"] for group in groups]
    balancer = elbv2.create_load_balancer(Name="gap", Subnets=["subnet-1", "subnet-2"])
    shares = [{"TargetGroupArn": arn, "Weight": 1} for arn in arns]
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}],
    )
    (action,) = listener["Listeners"][0]["DefaultActions"]
    assert [each["Weight"] for each in action.get("ForwardConfig", {}).get("TargetGroups", [])] == [1, 1]


@gap("cloudwatch:namespace is not known: a host's role says IfExists, and only AWS keeps it to its namespace")
def test_a_host_may_be_limited_to_its_services_metrics(acting: Acting) -> None:
    own = {"StringEqualsIfExists": {"cloudwatch:namespace": "Lifecycle/hello"}}
    cloudwatch = acting("cloudwatch", {"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": own})
    datum = {"MetricName": "queue", "Value": 1.0}
    assert not is_allowed(cloudwatch.put_metric_data, Namespace="Lifecycle/other", MetricData=[datum])


@gap("GetMetricData computes no expressions; the laptop's console resolves SEARCH itself")
def test_metric_expressions(emulator: Aws) -> None:
    cloudwatch = emulator.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace="Gap", MetricData=[{"MetricName": "Found", "Value": 1.0}])
    now = datetime.now(UTC)
    query = {"Id": "q", "Expression": "SEARCH('Gap MetricName=\"Found\"', 'Sum', 60)"}
    found = cloudwatch.get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=1)
    )["MetricDataResults"]
    assert [each["Values"] for each in found] == [[1.0]]
