"""An alarm on a pass of convergence that does not get through its clusters in time."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.access import substituted
from lifecycle import names
from lifecycle.domain.convergence.full_pass import LONGEST

_QUARTER_OF_AN_HOUR = 900


class LagAlarm(Construct):
    """`lifecycle-convergence-lags`: two passes of an hour took the whole time of a call, so clusters were left.

    The next pass goes on where one ended, so each cluster still has its turn, only later. It rings when the passes
    are killed, too.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        cloudwatch.CfnAlarm(
            self,
            "Alarm",
            alarm_name=names.CONVERGENCE_LAGS,
            alarm_description="expected a pass of convergence to get through all clusters in one call; "
            "see LATE in the log of the function lifecycle-converge",
            namespace="AWS/Lambda",
            metric_name="Duration",
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="FunctionName", value=names.function("converge"))],
            statistic="Maximum",
            period=_QUARTER_OF_AN_HOUR,
            evaluation_periods=4,
            datapoints_to_alarm=2,
            threshold=1000 * LONGEST.seconds,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[substituted(names.topic_arn(names.ALARMS))],
        )
