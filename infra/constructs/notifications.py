"""What goes out and what comes in: notices of what the ledger's changes mean, and the alarms of the clusters."""

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
# The kind of audit entries that become notifications (domain/monitoring/audit.py).
ALARM = "ALARM"


def _items(partition: str, *sort_keys: str, **more: Any) -> dict[str, Any]:
    """What was written under these keys; what was deleted is nothing to tell of."""
    keys: dict[str, Any] = {"pk": {"S": [{"prefix": partition}]}}
    if sort_keys:
        keys["sk"] = {"S": [{"prefix": each} for each in sort_keys]}
    return {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": keys, **more}}


# An agent's report is written every few seconds, and a rollout's attempts, turns and lease change all the time: what
# no notice is about must not start the function. gateways/aws/stream.py reads what comes through.
FILTERS = (
    _items(Partition.CLUSTER, "DEPLOYMENT#", "QUARANTINE#", "BAD_HOST#"),
    _items(Partition.DEPLOYMENT, "QUESTION#", "TESTBED#"),
    _items(Partition.AUDIT_LOG, NewImage={"kind": {"S": [ALARM]}}),
)


class NotificationsOut(Construct):
    """The ledger's stream starts `notify`, which tells EventBridge, and the topic `lifecycle-notices` for people.

    A batch that fails is halved and tried again for as long as the stream remembers it, which is a day.
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
    """The topic `lifecycle-alarms`, which the clusters' alarms notify, starts `watch`."""

    def __init__(
        self, scope: Construct, construct_id: str, watch: lambda_.Function, *, plain_http: bool
    ) -> None:
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
    # Not encrypted with SNS's own key: CloudWatch could not publish, and nothing told is a secret.
    return sns.Topic(scope, "Topic", topic_name=name, display_name=shown, enforce_ssl=not plain_http)
