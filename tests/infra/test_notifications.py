"""Notifications from the ledger's stream, and the alarms' topic that starts the watch."""

import json
from typing import Any

from infra.constructs.notifications import FILTERS
from lifecycle.names import SCHEDULE_FAILED, SERVICE_ENDED
from tests.infra.reading import listed, only, resources, text


def topic(template: dict[str, Any], name: str) -> str:
    """Return the logical id of a topic."""
    topics = resources(template, "SNS::Topic").items()
    return next(logical for logical, found in topics if found["TopicName"] == name)


def policies(template: dict[str, Any], logical: str) -> list[dict[str, Any]]:
    """Return the statements about a topic."""
    found = resources(template, "SNS::TopicPolicy").values()
    return [s for each in found if {"Ref": logical} in each["Topics"] for s in each["PolicyDocument"]["Statement"]]


def stream_of(template: dict[str, Any], function: str) -> dict[str, Any]:
    """Return the mapping of the ledger's stream to a function."""
    functions = resources(template, "Lambda::Function")
    mappings = resources(template, "Lambda::EventSourceMapping").values()
    (found,) = (m for m in mappings if functions[m["FunctionName"]["Ref"]]["FunctionName"] == function)
    return found


def test_only_the_end_of_a_service_and_a_failed_schedule_start_convergence(control_plane: dict[str, Any]) -> None:
    (ledger,) = resources(control_plane, "DynamoDB::Table")
    mapping = stream_of(control_plane, "lifecycle-converge")
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [ledger, "StreamArn"]}
    pattern, schedules = (json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"])
    assert schedules["dynamodb"]["Keys"] == {"pk": {"S": [{"prefix": "SCHEDULES#"}]}}
    assert schedules["dynamodb"]["NewImage"] == {SCHEDULE_FAILED: {"S": [{"exists": True}]}}
    assert pattern["dynamodb"]["Keys"] == {"pk": {"S": [{"prefix": "REPORTS#"}]}}
    assert pattern["dynamodb"]["NewImage"] == {SERVICE_ENDED: {"S": [{"exists": True}]}}
    # The schedule finds what is given up, and a batch must not hold up the reports behind it for a day.
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (2, 900)


def test_the_ledgers_stream_passes_both_images_to_notify_and_filters_the_rest(
    control_plane: dict[str, Any],
) -> None:
    (ledger,) = resources(control_plane, "DynamoDB::Table")
    table = only(control_plane, "DynamoDB::Table")
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    mapping = stream_of(control_plane, "lifecycle-notify")
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [ledger, "StreamArn"]}
    filters = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
    assert filters == list(FILTERS)
    assert len(filters) <= 5  # Lambda allows no more


def test_a_failing_notification_is_retried_until_it_expires_and_blocks_few_others(
    control_plane: dict[str, Any],
) -> None:
    mapping = stream_of(control_plane, "lifecycle-notify")
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert not {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "DestinationConfig"} & set(mapping)


def test_cloudwatch_of_this_account_may_publish_alarms_which_start_watch(
    control_plane: dict[str, Any],
) -> None:
    alarms = topic(control_plane, "lifecycle-alarms")
    (allowed,) = (each for each in policies(control_plane, alarms) if each["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    subscription = only(control_plane, "SNS::Subscription")
    assert (subscription["Protocol"], subscription["TopicArn"]) == ("lambda", {"Ref": alarms})
    (watch,) = subscription["Endpoint"]["Fn::GetAtt"][:1]
    assert control_plane["Resources"][watch]["Properties"]["FunctionName"] == "lifecycle-watch"
    (permission,) = (
        each
        for each in resources(control_plane, "Lambda::Permission").values()
        if each["Principal"] == "sns.amazonaws.com"
    )
    assert permission["SourceArn"] == {"Ref": alarms}


def test_topics_need_tls_on_aws_and_not_on_a_laptop(control_plane: dict[str, Any], emulated: dict[str, Any]) -> None:
    for name in ("lifecycle-notices", "lifecycle-alarms"):
        denied = [s for s in policies(control_plane, topic(control_plane, name)) if s["Effect"] == "Deny"]
        assert [s["Condition"] for s in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
        assert all(s["Effect"] == "Allow" for s in policies(emulated, topic(emulated, name)))


def test_a_schedule_checks_the_alarms(control_plane: dict[str, Any]) -> None:
    (schedule,) = (
        each for each in resources(control_plane, "Scheduler::Schedule").values() if each["Name"] == "lifecycle-watch"
    )
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    role = control_plane["Resources"][schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    (statement,) = (s for p in role["Policies"] for s in p["PolicyDocument"]["Statement"])
    assert statement["Action"] == "lambda:InvokeFunction"
    assert listed(statement["Resource"]) == [schedule["Target"]["Arn"]]


def test_the_topic_of_notifications_is_an_output(control_plane: dict[str, Any]) -> None:
    assert text(control_plane["Outputs"]["NoticesTopic"]["Value"]) == "sns:lifecycle-notices"
