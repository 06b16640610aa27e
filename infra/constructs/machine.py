"""A state machine with its definition from statemachines/, its role and its log."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Aws, Fn, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.constructs import access
from infra.constructs.access import Statement
from lifecycle import names

DEFINITIONS = Path(__file__).resolve().parents[2] / "statemachines"
_NO_RESOURCE = "log deliveries and trace segments take no resource"
# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html and .../xray-iam.html
_OBSERVED = Statement(
    "Observed",
    (
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
    ),
    ("*",),
    _NO_RESOURCE,
)


class Machine(Construct):
    """The machine `lifecycle-<name>`. It may invoke the phases `calls`, and start the machines `starts`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        calls: tuple[str, ...],
        starts: tuple[str, ...],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, name.title())
        description = f"Permissions of the state machine {names.machine(name)}"
        role = access.service_role(self, "states", description, "machine", _allowed(calls, starts))
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=names.machine_log(names.machine(name)),
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.machine = sfn.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=names.machine(name),
            role_arn=role.role_arn,
            definition_string=definition(name),
            definition_substitutions=substitutions(calls, starts) | dict(settings or {}),
            logging_configuration=sfn.CfnStateMachine.LoggingConfigurationProperty(
                level="ALL",
                include_execution_data=False,
                destinations=[
                    sfn.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=sfn.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=log.log_group_arn
                        )
                    )
                ],
            ),
            tracing_configuration=sfn.CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )


def definition(name: str) -> str:
    """Return the definition on one line, with its placeholders.

    The resources of its tasks name the partition too: GovCloud knows no arn:aws:states:::lambda:invoke.
    """
    text = json.dumps(json.loads((DEFINITIONS / f"{name}.asl.json").read_text()), separators=(",", ":"))
    return text.replace('"Resource":"arn:aws:', '"Resource":"arn:${partition}:')


def substitutions(calls: tuple[str, ...], starts: tuple[str, ...]) -> dict[str, str]:
    """Return the placeholders' values: `${next_step}` is a Lambda, `${rollout}` a machine."""
    functions = {phase: Fn.sub(names.function_arn(phase)) for phase in calls}
    machines = {machine: Fn.sub(names.machine_arn(names.machine(machine))) for machine in starts}
    return {"partition": Aws.PARTITION, **functions, **machines}


def _allowed(calls: tuple[str, ...], starts: tuple[str, ...]) -> tuple[Statement, ...]:
    invoke = Statement("Call", ("lambda:InvokeFunction",), tuple(names.function_arn(phase) for phase in calls))
    begin = Statement(
        "Start", ("states:StartExecution",), tuple(names.machine_arn(names.machine(machine)) for machine in starts)
    )
    return (invoke, begin, _OBSERVED)
