"""An account's load balancers behind AWS's documented limit for Describe calls, in simulated time.

The scheduler of the simulation runs the stages of many hosts at once, without its faults. The gateway is real.
A throttled call is repeated as botocore does (mode standard): five times, with growing pauses.
https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/load-balancer-request-throttling.html
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.scheduler import Scheduler
from tests.simulation.throttling import TokenBucket

BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
_TRIES = 6
_LONGEST_PAUSE = 20.0


class SchedulerClock:
    """The port Clock in simulated time: a sleep lets the other actors run."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self._scheduler.now)

    def sleep(self, seconds: float) -> None:
        if (actor := self._scheduler.actor) is not None:
            self._scheduler.sleep(actor, seconds)


class ThrottledElb:
    """An ELBv2 client. A deregistered target drains for `drain_seconds`; a registered one is healthy at once.

    `groups` are the targets by ARN, which is the name of the group. `calls` counts what was answered.
    """

    def __init__(self, scheduler: Scheduler, bucket: TokenBucket, drain_seconds: float) -> None:
        self._scheduler, self._bucket, self._drain_seconds = scheduler, bucket, drain_seconds
        self.groups: dict[str, dict[str, str]] = {}
        self.calls: Counter[str] = Counter()

    def describe_target_health(self, *, TargetGroupArn: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self._described("DescribeTargetHealth")
        found = self.groups.get(TargetGroupArn, {})
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": address, "Port": 8080}, "TargetHealth": {"State": state}}
                for address, state in found.items()
            ]
        }

    def describe_listeners(self, *, ListenerArns: list[str]) -> dict[str, Any]:  # noqa: N803 - the same
        self._described("DescribeListeners")
        main = ListenerArns[0].removesuffix("/listener")
        groups = [{"TargetGroupArn": f"{main}/target-group", "Weight": 1}]
        return {"Listeners": [{"DefaultActions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}]}

    def register_targets(self, *, TargetGroupArn: str, Targets: list[Mapping[str, Any]]) -> None:  # noqa: N803
        self._took()
        self.groups.setdefault(TargetGroupArn, {}).update({each["Id"]: "healthy" for each in Targets})

    def deregister_targets(self, *, TargetGroupArn: str, Targets: list[Mapping[str, Any]]) -> None:  # noqa: N803
        self._took()
        group = self.groups.setdefault(TargetGroupArn, {})
        for each in Targets:
            if group.get(each["Id"]) == "healthy":
                group[each["Id"]] = "draining"
                self._scheduler.after(self._drain_seconds, self._drain_seconds, _removal(group, each["Id"]))

    def _described(self, operation: str) -> None:
        pause = 1.0
        for left in range(_TRIES - 1, -1, -1):
            self._took()
            if self._bucket.take():
                self.calls[operation] += 1
                return
            if left:
                self._wait(min(self._scheduler.random() * pause, _LONGEST_PAUSE))
                pause *= 2
        answer: Any = {"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}
        raise ClientError(answer, operation)

    def _took(self) -> None:
        self._wait(0.03 + 0.04 * self._scheduler.random())

    def _wait(self, seconds: float) -> None:
        if (actor := self._scheduler.actor) is not None:
            self._scheduler.sleep(actor, seconds)


def _removal(group: dict[str, str], address: str) -> Callable[[], None]:
    def remove() -> None:
        if group.get(address) == "draining":
            del group[address]

    return remove


class StackParameters:
    """An SSM client with the parameters of one cluster's stack. An ARN is its number and the last name of each."""

    def __init__(self, number: int) -> None:
        self._number = number

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        return {"Parameter": {"Value": f"{self._number}/{Name.rpartition('/')[2]}"}}
