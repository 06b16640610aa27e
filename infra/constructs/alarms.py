"""A cluster's alarms: errors, latency and unhealthy hosts of its target group, told to the topic `lifecycle-alarms`.

Their names tell the cluster (domain/monitoring/alarms.py reads them), their descriptions what was expected and what to do.
"""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Fn, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.access import substituted
from infra.constructs.front_door import FrontDoor
from lifecycle import names

# Below this many requests a minute one error is too large a share to mean anything.
_ENOUGH_REQUESTS = 20
_PERIOD = 60
_PERIODS = 3
# By the names that they have in the expression.
_ANSWERED = {f"ok{family}": names.answers(family) for family in (2, 3, 4)}
# The emulator has no metric math (tests/integration/statemachines/test_gaps.py): errors are counted there, over ten seconds, by
# the laptop's dispatcher (apps/local/dispatcher/metrics.py).
_EMULATED_PERIOD = 10
_EMULATED_ERRORS = 5
_TO_DO = "look at the newest deployment (lifecycle status), and roll it back if it is its doing"

_Alarm = cloudwatch.CfnAlarm


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The most that is well: percent of requests that failed, seconds of the 99th percentile, unhealthy hosts."""

    error_percent: Any
    latency_seconds: Any
    unhealthy_hosts: Any


class Alarms(Construct):
    """`lc-<letter>-<service>-errors`, `-latency` and `-hosts`.

    A request failed if its target did not answer 2xx, 3xx or 4xx, as for the judge (gateways/aws/metrics.py). Two of
    three minutes have to be bad (all three for hosts). No data is no alarm: a service that nobody calls is well. A
    host that is being updated is not registered, and so is not counted as unhealthy.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        name: str,
        front: FrontDoor,
        most: Thresholds,
        *,
        emulated: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self._name = name
        self._front = front
        self._emulated = emulated
        self._period = _EMULATED_PERIOD if emulated else _PERIOD
        self._errors(most)
        latency = f"{_of('the 99th percentile of the answers', most.latency_seconds)} s"
        self._alarm(
            "latency",
            f"expected {latency}; {_TO_DO}",
            most.latency_seconds,
            metric_name=names.LATENCY,
            extended_statistic="p99",
            evaluate_low_sample_count_percentile="ignore",
        )
        self._alarm(
            "hosts",
            f"expected {_of('the registered hosts that fail their health check', most.unhealthy_hosts)}; {_TO_DO}",
            most.unhealthy_hosts,
            bad=_PERIODS,
            metric_name=names.UNHEALTHY_HOSTS,
            # Each zone is told apart, and one of them is enough; the emulator compares all ten seconds at once.
            statistic="Minimum" if self._emulated else "Maximum",
        )

    def _errors(self, most: Thresholds) -> None:
        if self._emulated:
            expected = f"expected {_of('the requests that fail in ten seconds', _EMULATED_ERRORS)}; {_TO_DO}"
            self._alarm(
                "errors", expected, _EMULATED_ERRORS, metric_name=names.FAILED_REQUESTS, statistic="Sum"
            )
            return
        # RequestCount is not filled: where it has no value yet, neither has the rate, so what is late is no error.
        failed = " - ".join(["requests", *(f"FILL({name}, 0)" for name in _ANSWERED)])
        rate = f"IF(requests >= {_ENOUGH_REQUESTS}, 100 * ({failed}) / requests, 0)"
        self._alarm(
            "errors",
            f"expected {_of('the requests answered 5xx, or not by a host,', most.error_percent)} %; {_TO_DO}",
            most.error_percent,
            metrics=[
                _Alarm.MetricDataQueryProperty(id="rate", expression=rate, label="% of requests that failed"),
                self._sum("requests", names.REQUESTS),
                *(self._sum(name, metric) for name, metric in _ANSWERED.items()),
            ],
        )

    def _alarm(self, sign: str, expected: str, most: Any, *, bad: int = _PERIODS - 1, **metric: Any) -> None:
        described = "metrics" not in metric
        if described:
            metric |= {
                "namespace": names.BALANCER_NAMESPACE,
                "dimensions": self._dimensions(),
                "period": self._period,
            }
        periods = 1 if self._emulated else _PERIODS
        _Alarm(
            self,
            sign.title(),
            alarm_name=Fn.join("-", [self._name, sign]),
            alarm_description=expected,
            comparison_operator="GreaterThanThreshold",
            threshold=most,
            evaluation_periods=periods,
            datapoints_to_alarm=min(bad, periods),
            treat_missing_data="notBreaching",
            alarm_actions=[substituted(names.topic_arn(names.ALARMS))],
            **metric,
        )

    def _sum(self, name: str, metric: str) -> _Alarm.MetricDataQueryProperty:
        return _Alarm.MetricDataQueryProperty(
            id=name,
            return_data=False,
            metric_stat=_Alarm.MetricStatProperty(
                metric=_Alarm.MetricProperty(
                    namespace=names.BALANCER_NAMESPACE, metric_name=metric, dimensions=self._dimensions()
                ),
                period=self._period,
                stat="Sum",
            ),
        )

    def _dimensions(self) -> list[_Alarm.DimensionProperty]:
        """The main target group's: what a test bed and its control answer is for the judge."""
        told = {
            "TargetGroup": self._front.target_group.attr_target_group_full_name,
            "LoadBalancer": self._front.load_balancer.attr_load_balancer_full_name,
        }
        return [_Alarm.DimensionProperty(name=name, value=value) for name, value in told.items()]


def _of(what: str, most: Any) -> str:
    return f"{what} to be at most {Token.as_string(most) if Token.is_unresolved(most) else f'{most:g}'}"
