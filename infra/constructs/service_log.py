"""The log group of a cluster: what its service writes, a stream for each host."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs import access
from infra.constructs.front_door import ClusterName
from lifecycle import names


class ServiceLog(Construct):
    """The group `/lifecycle/<environment>/<service>`, whose lines last a month."""

    def __init__(self, scope: Construct, construct_id: str, values: ClusterName) -> None:
        super().__init__(scope, construct_id)
        logs.LogGroup(
            self,
            "Group",
            log_group_name=access.substituted(names.service_log_group(values.environment, values.service)),
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
