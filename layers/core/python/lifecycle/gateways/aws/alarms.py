"""The clusters' alarms in CloudWatch."""

from collections.abc import Sequence
from typing import Any

from lifecycle.domain.monitoring.alarms import PREFIX, Alarm, cluster_of_alarm
from lifecycle.gateways.aws.errors import translated

_METRIC = ["MetricAlarm"]
_AT_ONCE = 100  # names that one DescribeAlarms takes
_LONGEST_NAME = 255


@translated
class CloudWatchAlarms:
    """Recognised by their names, which infra/constructs/alarms.py chooses."""

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch

    def named(self, names: Sequence[str]) -> Sequence[Alarm]:
        # Without a name, DescribeAlarms returns every alarm of the account.
        possible = [each for each in dict.fromkeys(names) if 0 < len(each) <= _LONGEST_NAME]
        batches = [possible[start : start + _AT_ONCE] for start in range(0, len(possible), _AT_ONCE)]
        return [alarm for batch in batches for alarm in self._described(AlarmNames=batch)]

    def ringing(self) -> Sequence[Alarm]:
        return self._described(AlarmNamePrefix=PREFIX, StateValue="ALARM")

    def _described(self, **selection: Any) -> list[Alarm]:
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=_METRIC, **selection)
        read = (_alarm(found) for page in pages for found in page["MetricAlarms"])
        return [alarm for alarm in read if alarm]


def _alarm(found: dict[str, Any]) -> Alarm | None:
    cluster = cluster_of_alarm(found["AlarmName"])
    if cluster is None:
        return None
    # StateTransitionedTimestamp changes with the state only; the emulator has only the older field.
    since = found.get("StateTransitionedTimestamp") or found["StateUpdatedTimestamp"]
    return Alarm(
        name=found["AlarmName"],
        cluster=cluster,
        ringing=found["StateValue"] == "ALARM",
        since=since,
        expected=found.get("AlarmDescription", ""),
        found=found.get("StateReason", ""),
    )
