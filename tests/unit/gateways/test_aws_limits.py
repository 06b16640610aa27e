"""Calls that AWS would refuse are refused by the clients of the contract suite."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.support.aws_limits import problems

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ITEM = {"pk": {"S": "a"}, "sk": {"S": "b"}}
EVENT = {"Source": "lifecycle", "DetailType": "x", "Detail": "{}"}
MESSAGE = {"TopicArn": "arn", "Subject": "Lifecycle", "Message": "m"}
METRIC = {"Namespace": "n", "MetricName": "m", "Dimensions": [{"Name": "Host", "Value": "h"}]}
QUERY = {"Id": "m1", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}}
DATA = {"MetricDataQueries": [QUERY], "StartTime": NOW, "EndTime": NOW.replace(hour=13)}
START = {"stateMachineArn": "arn", "name": "a", "input": "{}"}


def keys(*names: str) -> dict[str, Any]:
    return {"RequestItems": {"t": {"Keys": [{"pk": {"S": each}, "sk": {"S": "b"}} for each in names]}}}


def of(service: str, operation: str, params: dict[str, Any]) -> list[str]:
    client: Any = boto3.client(service, region_name="eu-west-1")
    return list(problems(client.meta.service_model.operation_model(operation), params))


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("dynamodb", "GetItem", {"TableName": "t", "Key": ITEM}),
        ("dynamodb", "BatchGetItem", keys(*map(str, range(100)))),
        ("sns", "Publish", MESSAGE),
        ("events", "PutEvents", {"Entries": [EVENT] * 10}),
        ("cloudwatch", "GetMetricData", DATA),
        ("stepfunctions", "StartExecution", {**START, "name": "x" * 80}),
        ("ssm", "PutParameter", {"Name": "/a/b", "Value": "x" * 4096, "Type": "String"}),
        ("s3", "GetObject", {"Bucket": "b", "Key": "k" * 1024}),
    ],
)
def test_allowed_calls_have_no_problem(service: str, operation: str, params: dict[str, Any]) -> None:
    assert of(service, operation, params) == []


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("dynamodb", "GetItem", {"TableName": "t", "Key": {"pk": {"S": "a"}, "sk": {"S": ""}}}),
        ("dynamodb", "GetItem", {"TableName": "t", "Key": {"pk": {"S": "x" * 2049}, "sk": {"S": "b"}}}),
        ("dynamodb", "PutItem", {"TableName": "t", "Item": {**ITEM, "body": {"S": "x" * 409_600}}}),
        ("dynamodb", "BatchGetItem", keys(*map(str, range(101)))),
        ("dynamodb", "BatchGetItem", keys("a", "a")),
        ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "t", "Item": ITEM}}] * 101}),
        ("dynamodb", "Query", {"TableName": "t", "ExpressionAttributeValues": {":pk": {"S": ""}}}),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k" * 1025}),
        ("ssm", "PutParameter", {"Name": "/a", "Value": "x" * 4097, "Type": "String"}),
        ("ssm", "PutParameter", {"Name": "/a", "Value": "x", "Type": "Number"}),
        ("ssm", "GetParameter", {"Name": "/a//b"}),
        ("stepfunctions", "StartExecution", {**START, "name": "x" * 81}),
        ("stepfunctions", "StartExecution", {**START, "name": "a b"}),
        ("stepfunctions", "StartExecution", {**START, "input": "x" * 262_145}),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "", "output": "{}"}),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "t" * 2049, "output": "{}"}),
        ("elbv2", "RegisterTargets", {"TargetGroupArn": "arn", "Targets": [{"Id": "host-1", "Port": 80}]}),
        ("elbv2", "RegisterTargets", {"TargetGroupArn": "arn", "Targets": [{"Id": "10.0.0.1", "Port": 65_536}]}),
        ("cloudwatch", "DescribeAlarms", {"AlarmNames": []}),
        ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["a"] * 101}),
        ("cloudwatch", "GetMetricData", {**DATA, "MetricDataQueries": [QUERY] * 501}),
        ("cloudwatch", "GetMetricData", {**DATA, "EndTime": NOW}),
        ("events", "PutEvents", {"Entries": [EVENT] * 11}),
        ("events", "PutEvents", {"Entries": [{**EVENT, "Detail": f'"{"x" * 262_144}"'}]}),
        ("sns", "Publish", {**MESSAGE, "Subject": "x" * 101}),
        ("sns", "Publish", {**MESSAGE, "Subject": "two\nlines"}),
        ("sns", "Publish", {**MESSAGE, "Message": ""}),
        ("sns", "Publish", {**MESSAGE, "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}}),
        ("codebuild", "BatchGetBuilds", {"ids": []}),
        ("codebuild", "BatchGetBuilds", {"ids": [""]}),
        ("logs", "GetLogEvents", {"logGroupName": "g:g", "logStreamName": "s"}),
    ],
)
def test_calls_that_aws_would_refuse_are_named(service: str, operation: str, params: dict[str, Any]) -> None:
    assert of(service, operation, params)
