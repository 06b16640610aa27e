"""The triggers of phases: pushes, schedules, the ends of executions, and Auto Scaling groups."""

import json
from collections.abc import Mapping

from aws_cdk import Fn
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.constructs.access import Statement, service_role
from lifecycle import names

_NO_DETAIL: Mapping[str, object] = {}


class PushTriggers(Construct):
    """A public Function URL for GitHub, whose signature the function checks, and a rule for CodeCommit."""

    def __init__(
        self, scope: Construct, construct_id: str, receive_push: lambda_.Function, repositories: tuple[str, ...]
    ) -> None:
        super().__init__(scope, construct_id)
        self.url = receive_push.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        if not repositories:
            return
        events.Rule(
            self,
            "CodeCommit",
            rule_name=names.CODECOMMIT_RULE,
            description="A branch of a CodeCommit repository was pushed",
            event_pattern=events.EventPattern(
                source=["aws.codecommit"],
                resources=[Fn.sub(names.arn("codecommit", each)) for each in repositories],
                detail_type=["CodeCommit Repository State Change"],
                detail={"event": ["referenceCreated", "referenceUpdated"], "referenceType": ["branch"]},
            ),
            targets=[targets.LambdaFunction(receive_push)],
        )


def read_default_branches(repositories: tuple[str, ...]) -> tuple[Statement, ...]:
    """Return the grant to read which branch of these repositories is the default one; none without repositories."""
    found = tuple(names.arn("codecommit", each) for each in repositories)
    return (Statement("Repositories", ("codecommit:GetRepository",), found),) if found else ()


class Schedule(Construct):
    """Runs a phase at a rate. A missed run is not repeated, because the next one reads the same records."""

    def __init__(
        self, scope: Construct, construct_id: str, phase: str, function: lambda_.Function, rate: str, description: str
    ) -> None:
        super().__init__(scope, construct_id)
        run = Statement("Run", ("lambda:InvokeFunction",), (function.function_arn,))
        role = service_role(
            self, "scheduler", f"Permissions of the schedule of the phase {phase}", "schedule", (run,)
        )
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=names.function(phase),
            description=description,
            schedule_expression=rate,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function_arn,
                role_arn=role.role_arn,
                input='{"requested_by":"schedule"}',
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=0),
            ),
        )


# Each list has the values of one field that the rule below passes.
ENDED = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
}


ENDED_SERVICES = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {
        "Keys": {"pk": {"S": [{"prefix": names.Partition.REPORTS}]}},
        "NewImage": {names.SERVICE_ENDED: {"S": [{"exists": True}]}},
    },
}


FAILED_SCHEDULES = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {
        "Keys": {"pk": {"S": [{"prefix": names.Partition.SCHEDULES}]}},
        "NewImage": {names.SCHEDULE_FAILED: {"S": [{"exists": True}]}},
    },
}


class Unrepeated(Construct):
    """Makes Lambda call a phase once for each event of its schedule, and for none that waited for long.

    Lambda repeats an asynchronous call that failed twice. A pass over every cluster that is repeated while the next
    one runs would take the Describe calls of both, and the next one reads the same records anyway.
    """

    def __init__(self, scope: Construct, construct_id: str, function: lambda_.Function) -> None:
        super().__init__(scope, construct_id)
        lambda_.CfnEventInvokeConfig(
            self,
            "Config",
            function_name=function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=600,
        )


class EndedExecutions(Construct):
    """Runs `converge` for the cluster of a rollout's execution that failed, timed out or was stopped by hand.

    The whole event is passed on: converge reads the cluster from the execution's input. EventBridge may lose an
    event of Step Functions, and then converge's schedule finds the ended execution.
    """

    def __init__(self, scope: Construct, construct_id: str, converge: lambda_.Function) -> None:
        super().__init__(scope, construct_id)
        events.Rule(
            self,
            "Rule",
            rule_name=names.EXECUTION_RULE,
            description="A rollout's execution failed, timed out, or was stopped by hand",
            event_pattern=events.EventPattern(
                source=ENDED["source"],
                detail_type=ENDED["detail-type"],
                detail={
                    "status": ENDED["status"],
                    "stateMachineArn": [Fn.sub(names.machine_arn(names.ROLLOUT))],
                },
            ),
            targets=[targets.LambdaFunction(converge)],
        )


class EndedServices(Construct):
    """Runs `converge` for clusters with a service that has ended, or a failed schedule, by the ledger's stream.

    Only the first report of an end, and its reminders, have the attribute. A lost one is found by the schedule, so a
    batch that fails is soon given up.
    """

    def __init__(
        self, scope: Construct, construct_id: str, ledger: dynamodb.Table, converge: lambda_.Function
    ) -> None:
        super().__init__(scope, construct_id)
        mapping = lambda_.CfnEventSourceMapping
        mapping(
            self,
            "Stream",
            event_source_arn=ledger.table_stream_arn,
            function_name=converge.function_name,
            starting_position="TRIM_HORIZON",
            batch_size=100,
            maximum_retry_attempts=2,
            maximum_record_age_in_seconds=900,
            filter_criteria=mapping.FilterCriteriaProperty(
                filters=[
                    mapping.FilterProperty(pattern=json.dumps(each)) for each in (ENDED_SERVICES, FAILED_SCHEDULES)
                ]
            ),
        )


class HostEvents(Construct):
    """Events of the clusters' Auto Scaling groups: an instance waits to end, was terminated, or has a new agent.

    One rule serves all clusters. A rule for each would add a statement to the function's resource policy, which holds
    49 of them (20,480 bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). AWS may lose
    such an event. Then the hook times out, and the instance ends undrained. Convergence removes a terminated host,
    and finds a new one on its schedule.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        terminating: lambda_.Function,
        terminated: lambda_.Function,
        launched: lambda_.Function,
    ) -> None:
        super().__init__(scope, construct_id)
        host = {"host": events.EventField.from_path("$.detail.EC2InstanceId")}
        hook = {"LifecycleHookName": [names.TERMINATION_HOOK]}
        self._on("Instance-terminate Lifecycle Action", names.TERMINATING_RULE, terminating, host, hook)
        self._on("Instance Terminate Successful", names.TERMINATED_RULE, terminated, host)
        # The group's launch hook ends when the agent reports, so converge finds the host by then.
        self._on("Instance Launch Successful", names.LAUNCHED_RULE, launched, {"requested_by": "auto-scaling"})

    def _on(
        self,
        event: str,
        name: str,
        function: lambda_.Function,
        values: Mapping[str, object],
        detail: Mapping[str, object] = _NO_DETAIL,
    ) -> None:
        groups = [{"prefix": names.cluster_stack(each, "")} for each in names.ENVIRONMENT_LETTERS]
        group = {"group": events.EventField.from_path("$.detail.AutoScalingGroupName")}
        events.Rule(
            self,
            name,
            rule_name=name,
            description=f"Auto Scaling: {event} of a cluster",
            event_pattern=events.EventPattern(
                source=["aws.autoscaling"],
                detail_type=[f"EC2 {event}"],
                detail={"AutoScalingGroupName": groups, **detail},
            ),
            targets=[targets.LambdaFunction(function, event=events.RuleTargetInput.from_object({**group, **values}))],
        )
