"""The ends of hosts and clusters, as AWS announces them: an instance that waits to end, and a deleted stack."""

from aws_cdk import Fn
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.settings import ClusterSettings
from lifecycle import names


class EndingHosts(Construct):
    """Calls `host_terminating` for an instance whose end waits for the group's hook.

    AWS may lose such an event. Then the hook times out, and the instance ends undrained.
    """

    def __init__(self, scope: Construct, construct_id: str, cluster: ClusterSettings, group: str) -> None:
        super().__init__(scope, construct_id)
        drains = lambda_.Function.from_function_attributes(
            self,
            "HostTerminating",
            function_arn=Fn.sub(names.function_arn("host_terminating")),
            same_environment=True,  # otherwise CDK would omit the permission
        )
        values = {
            "service": cluster.service,
            "environment": cluster.environment,
            "host": events.EventField.from_path("$.detail.EC2InstanceId"),
        }
        events.Rule(
            self,
            "Rule",
            rule_name=f"{group}-terminating",
            description=f"An instance of {group} is about to end, and waits until it is drained",
            event_pattern=events.EventPattern(
                source=["aws.autoscaling"],
                detail_type=["EC2 Instance-terminate Lifecycle Action"],
                detail={"AutoScalingGroupName": [group], "LifecycleHookName": [names.TERMINATION_HOOK]},
            ),
            targets=[targets.LambdaFunction(drains, event=events.RuleTargetInput.from_object(values))],
        )


class DeletedStacks(Construct):
    """Calls `cluster_deleted` for each deleted stack of Lifecycle; it does nothing for one that is no cluster's."""

    def __init__(self, scope: Construct, construct_id: str, cluster_deleted: lambda_.Function) -> None:
        super().__init__(scope, construct_id)
        prefix = Fn.sub(f"{names.arn('cloudformation', 'stack/lifecycle-')}")
        events.Rule(
            self,
            "Rule",
            rule_name=names.STACK_RULE,
            description="The stack of a cluster was deleted",
            event_pattern=events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={"stack-id": [{"prefix": prefix}], "status-details": {"status": ["DELETE_COMPLETE"]}},
            ),
            targets=[
                targets.LambdaFunction(
                    cluster_deleted,
                    event=events.RuleTargetInput.from_object(
                        {"stack": events.EventField.from_path("$.detail.stack-id")}
                    ),
                )
            ],
        )
