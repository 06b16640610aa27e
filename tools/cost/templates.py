"""The parts of the synthesised templates that cost money: memory, schedules, alarms, dashboards, secrets and keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.local.aws.assembly import Synthesis, templates
from apps.local.errors import LaptopError
from apps.local.paths import CLUSTER_TEMPLATE, PLATFORM
from lifecycle import names

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1.0, "hour": 60.0, "day": 1440.0}
Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Priced:
    """The priced parts of the control plane, and of one cluster (`alarm_metrics`)."""

    memory: dict[str, int]
    schedules: dict[str, float]
    dashboards: int
    secrets: int
    keys: int
    alarm_metrics: int
    widgets: int


def priced() -> Priced:
    """Synthesise the templates as for AWS, and read them; the synthesis is cached."""
    with Synthesis({"platform": "lambda"}) as synthesis:
        found = {each.name: each.body["Resources"] for each in templates(synthesis.wait())}
    return read(found[PLATFORM], found[CLUSTER_TEMPLATE])


def read(control_plane: Resources, cluster: Resources) -> Priced:
    """Read the priced parts of the two templates; names of phases have underscores, as in functions/."""
    functions = _of_type(control_plane, "AWS::Lambda::Function")
    return Priced(
        memory={_phase(each["FunctionName"]): int(each.get("MemorySize", 128)) for each in functions},
        schedules={
            _phase(each["Name"]): minutes(each["ScheduleExpression"])
            for each in _of_type(control_plane, "AWS::Scheduler::Schedule")
        },
        dashboards=len(_of_type(control_plane, "AWS::CloudWatch::Dashboard")),
        secrets=len(_of_type(control_plane, "AWS::SecretsManager::Secret")),
        keys=len(_of_type(control_plane, "AWS::KMS::Key")),
        widgets=sum(each["FunctionName"].startswith(names.function("show_")) for each in functions),
        alarm_metrics=sum(map(_metrics, _of_type(cluster, "AWS::CloudWatch::Alarm"))),
    )


def minutes(rate: str) -> float:
    """Return the minutes of a schedule such as `rate(15 minutes)`; raises LaptopError for another kind."""
    if not (found := _RATE.fullmatch(rate)):
        raise LaptopError(f"cannot count the runs of the schedule '{rate}'; expected rate(N minutes|hours|days)")
    return int(found[1]) * _MINUTES[found[2]]


def _phase(function: str) -> str:
    return function.removeprefix(names.function("")).replace("-", "_")


def _metrics(alarm: Mapping[str, Any]) -> int:
    """Return the number of metrics of an alarm; an expression's metrics are billed each."""
    return sum("MetricStat" in each for each in alarm.get("Metrics", ())) or 1


def _of_type(resources: Resources, kind: str) -> list[Mapping[str, Any]]:
    return [each["Properties"] for each in resources.values() if each["Type"] == kind]
