"""The triggers of the phase that sends the status of a commit to its forge."""

from aws_cdk import Duration, Fn
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from lifecycle import names
from lifecycle.domain.monitoring.notifications import NotificationKind

# The notifications about a change of a deployment's state. Each has the name of the deployment.
OF_DEPLOYMENTS = (
    NotificationKind.CHANGED,
    NotificationKind.ROLLS_BACK,
    NotificationKind.FINISHED,
    NotificationKind.REFUSED,
)
# The input of a run has the clone URL of its repository. Only GitHub's have statuses.
ON_GITHUB = "*https://github.com/*"
# An event that waited for longer is no news: the schedule has sent what it is about.
_EVENT_LASTS = Duration.minutes(15)


class StatusTriggers(Construct):
    """Events of Step Functions about runs of repositories on GitHub, and of `notify` about deployments.

    EventBridge may deliver an event late, twice or not at all: the function reads the records, and has a schedule.
    """

    def __init__(self, scope: Construct, construct_id: str, report_status: lambda_.Function) -> None:
        super().__init__(scope, construct_id)
        target = targets.LambdaFunction(report_status, max_event_age=_EVENT_LASTS, retry_attempts=2)
        events.Rule(
            self,
            "Runs",
            rule_name=names.RUN_STATUS_RULE,
            description="A run of a push to GitHub began or ended",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [Fn.sub(names.machine_arn(names.DELIVERY))],
                    "input": [{"wildcard": ON_GITHUB}],
                },
            ),
            targets=[target],
        )
        events.Rule(
            self,
            "Deployments",
            rule_name=names.DEPLOYMENT_STATUS_RULE,
            description="The state of a deployment changed",
            event_pattern=events.EventPattern(
                source=[names.EVENT_SOURCE], detail_type=[kind.value for kind in OF_DEPLOYMENTS]
            ),
            targets=[target],
        )
