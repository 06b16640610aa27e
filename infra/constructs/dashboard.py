"""The CloudWatch dashboard `lifecycle-<region>`: the console's widgets, metrics and alarms, on 24 columns.

Its body is the only list of widgets; on a laptop, apps/local/console reads it back.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from aws_cdk import Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.access import Access, Statement
from infra.constructs.grants import (
    ANSWER_ROLLOUT,
    DESCRIBE_ROLLOUTS,
    GROUP_SETTINGS,
    LEDGER,
    LIST_DELIVERIES,
    REGISTRY,
    RELEASES,
    SNAPSHOTS,
    START_ROLLOUT,
    STOP_DELIVERIES,
    TARGETS,
    UNDO_FROM_CONSOLE,
    ledger,
    registry_list,
    requests_of,
    stop_builds,
)
from lifecycle import names
from lifecycle.domain.rollout.recorded_request import Source
from lifecycle.names import Partition

Widget: TypeAlias = dict[str, Any]

# The widgets in reading order, pending decisions first. Function, title, and x, y, width, height.
VIEWS: tuple[tuple[str, str, tuple[int, int, int, int]], ...] = (
    ("show_questions", "What waits for you", (0, 0, 24, 12)),
    ("show_clusters", "Services and hosts", (0, 12, 24, 12)),
    ("show_pipeline", "From push to production", (0, 24, 24, 10)),
    ("show_deployment", "Deployment", (0, 34, 12, 10)),
    ("show_test_bed", "Test bed against its control", (0, 44, 12, 12)),
    ("show_dora", "DORA figures, 30 days", (12, 52, 12, 8)),
    ("show_history", "What happened, and who did it", (0, 62, 24, 12)),
)
# CPU grows with memory. A widget has to draw 400 hosts in 300 ms, which takes this whole virtual CPU.
_MEGABYTES = 1769
# Target groups are named lc-<letter>-<service>; a word of a search matches a part of a name.
_GROUPS = f"{{{names.BALANCER_NAMESPACE},LoadBalancer,TargetGroup}} TargetGroup={names.CLUSTER_PREFIX}"


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
_ALARMS_A_WIDGET = 100
_BELOW = 74  # the first free row

# These phases have rights that the console has not.
_CALLED = tuple(names.function_arn(phase) for phase in ("promote", "repair", "remove_host"))
_CALL_PHASES = Statement("CallPhases", ("lambda:InvokeFunction",), _CALLED)


def console_phases(phase: Callable[..., Any], *, emulated: bool) -> None:
    """Create a Lambda for each widget, which may only read, and one for the actions of the buttons."""
    clusters = registry_list(emulated=emulated)
    more_reads = {"show_clusters": [TARGETS], "show_questions": [TARGETS]}
    # These say of a running deployment that its execution has failed or was stopped.
    more_calls = {
        "show_pipeline": [LIST_DELIVERIES, DESCRIBE_ROLLOUTS],
        "show_clusters": [DESCRIBE_ROLLOUTS],
        "show_deployment": [DESCRIBE_ROLLOUTS],
    }
    for name, _, _ in VIEWS:
        more: list[Access] = more_reads.get(name, [])
        may: list[Statement] = more_calls.get(name, [])
        phase(name, reads=[LEDGER, clusters, *more], may=may, seconds=30, megabytes=_MEGABYTES)
    phase(
        "act",
        reads=[SNAPSHOTS, RELEASES, TARGETS, GROUP_SETTINGS, REGISTRY, clusters],
        writes=[
            ledger(
                *(Partition.AUDIT_LOG, Partition.CLUSTER, Partition.DEPLOYMENT),
                *(Partition.FREEZES, requests_of(Source.CONSOLE)),
            )
        ],
        # A release is signed by the phase promote and by nothing else; a repair and a removal have phases too.
        may=[
            *(UNDO_FROM_CONSOLE, ANSWER_ROLLOUT, START_ROLLOUT, DESCRIBE_ROLLOUTS, _CALL_PHASES),
            *(STOP_DELIVERIES, stop_builds(emulated=emulated)),
        ],
        seconds=300,
        megabytes=_MEGABYTES,
    )


class Dashboard(Construct):
    """The dashboard; `clusters` are those whose alarms it shows, such as `production/hello`.

    CloudWatch needs the names of alarms, and has no search for them.
    """

    def __init__(self, scope: Construct, construct_id: str, clusters: Iterable[str] = ()) -> None:
        super().__init__(scope, construct_id)
        widgets = [*(_custom(*view) for view in VIEWS), *_metrics(), *_alarms(tuple(clusters))]
        cloudwatch.CfnDashboard(
            self,
            "Dashboard",
            dashboard_name=Fn.sub(names.regional(names.DASHBOARD)),
            dashboard_body=Fn.sub(json.dumps({"start": "-PT3H", "widgets": widgets})),
        )


def _placed(kind: str, place: tuple[int, int, int, int], properties: dict[str, Any]) -> Widget:
    x, y, width, height = place
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _custom(name: str, title: str, place: tuple[int, int, int, int]) -> Widget:
    updates = {"refresh": True, "resize": True, "timeRange": False}
    endpoint = names.function_arn(name)
    return _placed("custom", place, {"title": title, "endpoint": endpoint, "params": {}, "updateOn": updates})


def _search(query: str, stat: str) -> dict[str, str]:
    return {"expression": f"SEARCH('{query}', '{stat}', 60)"}


def _chart(title: str, place: tuple[int, int, int, int], metrics: list[list[Any]], stat: str) -> Widget:
    properties = {"title": title, "view": "timeSeries", "region": "${AWS::Region}", "stat": stat, "period": 60}
    return _placed("metric", place, {**properties, "metrics": metrics})


def _metrics() -> list[Widget]:
    """Return the metrics of the services, a line for each target group, and those of Lifecycle."""
    requests = _search(f'{_GROUPS} MetricName="{names.REQUESTS}"', "Sum")
    errors = _search(f'{_GROUPS} MetricName="{names.answers(5)}"', "Sum")
    latency = _search(f'{_GROUPS} MetricName="{names.LATENCY}"', "p99")
    healthy = _search(f'{_GROUPS} MetricName="{names.HEALTHY_HOSTS}"', "Minimum")
    lambdas = _search('{AWS/Lambda,FunctionName} MetricName="Errors" FunctionName=lifecycle', "Sum")
    failed = [
        ["AWS/States", "ExecutionsFailed", "StateMachineArn", names.machine_arn(machine)]
        for machine in (names.ROLLOUT, names.DELIVERY)
    ]
    return [
        _chart("Requests", (12, 34, 6, 6), [[requests]], "Sum"),
        _chart("Answers 5xx", (18, 34, 6, 6), [[errors]], "Sum"),
        _chart("Latency, p99", (12, 40, 6, 6), [[latency]], "p99"),
        _chart("Healthy hosts", (18, 40, 6, 6), [[healthy]], "Minimum"),
        _chart("Runs that failed", (12, 46, 6, 6), failed, "Sum"),
        _chart("Errors of Lifecycle's functions", (18, 46, 6, 6), [[lambdas]], "Sum"),
    ]


def _alarms(clusters: tuple[str, ...]) -> list[Widget]:
    arns = []
    for cluster in clusters:
        environment, _, service = cluster.partition("/")
        letter = names.ENVIRONMENT_LETTERS[environment]
        arns += [names.arn("cloudwatch", f"alarm:{names.alarm(letter, service, sign)}") for sign in names.ALARM_SIGNS]
    parts = [arns[at : at + _ALARMS_A_WIDGET] for at in range(0, len(arns), _ALARMS_A_WIDGET)]
    # The first one has a place among the metrics. The others come below everything else.
    places = [(0, 56, 12, 6), *((0, _BELOW + 6 * number, 24, 6) for number in range(len(parts)))]
    return [
        _placed("alarm", place, {"title": "Alarms", "alarms": part})
        for place, part in zip(places, parts, strict=False)
    ]
