"""Notifications, which the ledger's changes cause, and alarms, which start the watch."""

import json
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from lifecycle import names
from lifecycle.names import Partition

_AT_ONCE = 100
# The kinds of audit entries that become notifications (domain/monitoring/audit.py).
NOTIFIED = ("ALARM", "HAND_MADE", "CRASH_LOOP", "HOST_DOWN", "SCHEDULE", "RUN_FAILED", "OUTAGE", "OUTAGE_OVER")


def _items(partition: str, *sort_keys: str, **more: Any) -> dict[str, Any]:
    """Return the filter of items that were written under these keys; deletions notify about nothing."""
    keys: dict[str, Any] = {"pk": {"S": [{"prefix": partition}]}}
    if sort_keys:
        keys["sk"] = {"S": [{"prefix": each} for each in sort_keys]}
    return {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": keys, **more}}


# Reports are written every few seconds, and a rollout's attempts, turns and lease change often. A change that
# no notification is about must not start the function. gateways/aws/stream.py reads the others.
FILTERS = (
    _items(Partition.CLUSTER, "DEPLOYMENT#", "QUARANTINE#", "BAD_HOST#"),
    _items(Partition.DEPLOYMENT, "QUESTION#", "TESTBED#"),
    _items(Partition.AUDIT_LOG, NewImage={"kind": {"S": list(NOTIFIED)}}),
)


class NotificationsOut(Construct):
    """The ledger's stream starts `notify`, which sends to EventBridge and to the topic `lifecycle-notices`.

    A batch that fails is halved and retried for a day, which is how long the stream stores it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        ledger: dynamodb.Table,
        notify: lambda_.Function,
        *,
        plain_http: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        _topic(self, names.NOTIFICATIONS, "Lifecycle", plain_http=plain_http)
        mapping = lambda_.CfnEventSourceMapping
        mapping(
            self,
            "Stream",
            event_source_arn=ledger.table_stream_arn,
            function_name=notify.function_name,
            starting_position="TRIM_HORIZON",
            batch_size=_AT_ONCE,
            bisect_batch_on_function_error=True,
            filter_criteria=mapping.FilterCriteriaProperty(
                filters=[mapping.FilterProperty(pattern=json.dumps(each)) for each in FILTERS]
            ),
        )


class AlarmsIn(Construct):
    """The topic `lifecycle-alarms`, which the clusters' alarms notify, and which starts `watch`."""

    def __init__(self, scope: Construct, construct_id: str, watch: lambda_.Function, *, plain_http: bool) -> None:
        super().__init__(scope, construct_id)
        topic = _topic(self, names.ALARMS, "Lifecycle alarms", plain_http=plain_http)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        topic.add_subscription(subscriptions.LambdaSubscription(watch))


def _topic(scope: Construct, name: str, shown: str, *, plain_http: bool) -> sns.Topic:
    # Not encrypted: CloudWatch cannot publish with SNS's own key, and messages hold no secret.
    return sns.Topic(scope, "Topic", topic_name=name, display_name=shown, enforce_ssl=not plain_http)
