"""The phases for the ends of hosts and clusters, and the event of a deleted stack."""

from collections.abc import Callable
from typing import Any

from aws_cdk import Fn
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.grants import (
    ANSWER_ROLLOUT,
    FORGET_DESIRED,
    LEAVE_ROTATION,
    LET_END,
    MACHINES,
    REMOVE_HOST,
    TARGETS,
    WEIGHTS,
    change_targets,
    ledger,
    set_weights,
)
from infra.constructs.phase import STAGE_SECONDS, Phase
from lifecycle import names
from lifecycle.names import Partition


def ending_phases(scope: Construct, phase: Callable[..., Phase]) -> tuple[lambda_.Function, lambda_.Function]:
    """Create the phases that remove hosts and clusters; return those for terminating and terminated hosts."""
    trail = ledger(Partition.AUDIT_LOG, Partition.CLUSTER)
    drains = [LEAVE_ROTATION, change_targets("DeregisterTargets"), set_weights()]
    removes: dict[str, Any] = {"reads": [TARGETS, WEIGHTS, MACHINES], "writes": [trail]}
    may = [REMOVE_HOST, *drains, ANSWER_ROLLOUT]
    # People call the first one and sign. The second one takes events without a proof.
    phase("remove_host", **removes, may=may)
    terminated = phase("host_terminated", **removes, may=may)
    terminating = phase("host_terminating", **removes, may=[LET_END, *drains], seconds=STAGE_SECONDS)
    forgets: dict[str, Any] = {"reads": [TARGETS, MACHINES], "writes": [trail], "seconds": 300}
    phase("forget_cluster", **forgets, may=[REMOVE_HOST, FORGET_DESIRED])
    deleted = phase("cluster_deleted", **forgets, may=[REMOVE_HOST])
    DeletedStacks(scope, "Deleted", deleted.function)
    return terminating.function, terminated.function


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
