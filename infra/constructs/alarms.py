"""A cluster's alarms on errors, latency and unhealthy hosts, which notify the topic `lifecycle-alarms`.

Their names include the cluster (domain/monitoring/alarms.py reads them). Their descriptions say what is
expected and what to do.
"""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Fn, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.access import substituted
from infra.constructs.front_door import FrontDoor
from lifecycle import names

# With fewer requests in a minute, a single error is already a high error rate.
_ENOUGH_REQUESTS = 20
_PERIOD = 60
_PERIODS = 3
# By their ids in the expression.
_ANSWERED = {f"ok{family}": names.answers(family) for family in (2, 3, 4)}
# The emulator has no metric math (tests/integration/statemachines/test_gaps.py). There the laptop's
# dispatcher counts errors over ten seconds (apps/local/dispatcher/metrics.py).
_EMULATED_PERIOD = 10
_EMULATED_ERRORS = 5
_TO_DO = "check the newest deployment (lifecycle status), and roll it back if it is the cause"

_Alarm = cloudwatch.CfnAlarm


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The highest values without an alarm: % of failed requests, p99 in seconds, unhealthy hosts."""

    error_percent: Any
    latency_seconds: Any
    unhealthy_hosts: Any


class Alarms(Construct):
    """`lc-<letter>-<service>-errors`, `-latency` and `-hosts`.

    A request failed if its target did not answer 2xx, 3xx or 4xx, as for the judge (gateways/aws/metrics.py).
    Two of three minutes have to breach the threshold; for hosts, all three. Missing data raises no alarm,
    because a service without requests is healthy. A host that is being updated is not registered, so it does
    not count.
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
        latency = f"{_at_most('the 99th percentile of the answers', most.latency_seconds)} s"
        self._alarm(
            "latency",
            f"expected {latency}; {_TO_DO}",
            most.latency_seconds,
            metric_name=names.LATENCY,
            extended_statistic="p99",
            evaluate_low_sample_count_percentile="ignore",
        )
        hosts = _at_most("the registered hosts that fail their health check", most.unhealthy_hosts)
        self._alarm(
            "hosts",
            f"expected {hosts}; {_TO_DO}",
            most.unhealthy_hosts,
            breaches=_PERIODS,
            metric_name=names.UNHEALTHY_HOSTS,
            # AWS has a value for each zone, and one bad zone is enough; the emulator has one for all.
            statistic="Minimum" if self._emulated else "Maximum",
        )

    def _errors(self, most: Thresholds) -> None:
        if self._emulated:
            expected = f"expected {_at_most('the requests that fail in ten seconds', _EMULATED_ERRORS)}; {_TO_DO}"
            self._alarm("errors", expected, _EMULATED_ERRORS, metric_name=names.FAILED_REQUESTS, statistic="Sum")
            return
        # RequestCount is not filled: without its value there is no rate, so late data is no error.
        failed = " - ".join(["requests", *(f"FILL({name}, 0)" for name in _ANSWERED)])
        rate = f"IF(requests >= {_ENOUGH_REQUESTS}, 100 * ({failed}) / requests, 0)"
        errors = _at_most("the requests answered 5xx, or not by a host,", most.error_percent)
        self._alarm(
            "errors",
            f"expected {errors} %; {_TO_DO}",
            most.error_percent,
            metrics=[
                _Alarm.MetricDataQueryProperty(id="rate", expression=rate, label="% of requests that failed"),
                self._sum("requests", names.REQUESTS),
                *(self._sum(name, metric) for name, metric in _ANSWERED.items()),
            ],
        )

    def _alarm(self, sign: str, expected: str, most: Any, *, breaches: int = _PERIODS - 1, **metric: Any) -> None:
        if "metrics" not in metric:
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
            datapoints_to_alarm=min(breaches, periods),
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
        """Return the dimensions of the main target group. The test bed's groups are judged, not watched."""
        values = {
            "TargetGroup": self._front.target_group.attr_target_group_full_name,
            "LoadBalancer": self._front.load_balancer.attr_load_balancer_full_name,
        }
        return [_Alarm.DimensionProperty(name=name, value=value) for name, value in values.items()]


def _at_most(subject: str, most: Any) -> str:
    return f"{subject} to be at most {Token.as_string(most) if Token.is_unresolved(most) else f'{most:g}'}"
