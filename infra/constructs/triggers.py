"""What starts a phase from outside: GitHub's webhook, CodeCommit's event, and the clock."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct


class PushTriggers(Construct):
    """A public Function URL for GitHub (the signature is checked inside), a rule for CodeCommit."""

    def __init__(self, scope: Construct, construct_id: str, receive_push: lambda_.Function) -> None:
        super().__init__(scope, construct_id)
        self.url = receive_push.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        events.Rule(
            self,
            "CodeCommit",
            rule_name="lifecycle-codecommit-push",
            description="A branch of a CodeCommit repository was pushed",
            event_pattern=events.EventPattern(
                source=["aws.codecommit"],
                detail_type=["CodeCommit Repository State Change"],
                detail={"event": ["referenceCreated", "referenceUpdated"], "referenceType": ["branch"]},
            ),
            targets=[targets.LambdaFunction(receive_push)],
        )


class ConvergeSchedule(Construct):
    """Runs converge at a rate; a run that is missed is not made up for, the next one sees the same facts."""

    def __init__(self, scope: Construct, construct_id: str, converge: lambda_.Function, rate: str) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"),
            description="Lets the schedule run converge",
            inline_policies={
                "schedule": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="Converge",
                            actions=["lambda:InvokeFunction"],
                            resources=[converge.function_arn],
                        )
                    ]
                )
            },
        )
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name="lifecycle-converge",
            description="Compare desired with installed, and repair drift",
            schedule_expression=rate,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=converge.function_arn,
                role_arn=role.role_arn,
                input='{"requested_by":"schedule"}',
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=0),
            ),
        )
