"""A cluster's three alarms: their metrics, their thresholds, and the topic that they notify."""

from typing import Any

import pytest

from apps.local.dispatcher.metrics import FAILED
from infra.cdk_json import ClusterSettings
from lifecycle.domain.monitoring.alarms import LETTERS as KNOWN_LETTERS
from lifecycle.domain.monitoring.alarms import PREFIX
from lifecycle.gateways.aws.metrics import ANSWERED
from lifecycle.names import REQUESTS
from tests.infra.reading import resources, text

SIGNS = ("errors", "latency", "hosts")


def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the alarms by their sign, such as `errors`."""
    found = resources(template, "CloudWatch::Alarm").values()
    return {each["AlarmName"]["Fn::Join"][1][-1].rpartition("-")[2]: each for each in map(_joined, found)}


def _joined(alarm: dict[str, Any]) -> dict[str, Any]:
    name = alarm["AlarmName"]
    return alarm if isinstance(name, dict) else {**alarm, "AlarmName": {"Fn::Join": ["-", [name]]}}


def test_a_cluster_has_an_alarm_for_each_sign_with_the_cluster_in_its_name(
    byo: dict[str, Any], asg: dict[str, Any]
) -> None:
    assert set(alarms(byo)) == set(alarms(asg)) == set(SIGNS)
    names = [alarm["AlarmName"] for alarm in resources(asg, "CloudWatch::Alarm").values()]
    assert sorted(names) == [f"{PREFIX}p-hello-{sign}" for sign in sorted(SIGNS)]
    assert KNOWN_LETTERS == {"s": "staging", "p": "production"}


def test_the_error_rate_needs_enough_requests(asg: dict[str, Any]) -> None:
    rate, *sums = alarms(asg)["errors"]["Metrics"]
    answered = "FILL(ok2, 0) - FILL(ok3, 0) - FILL(ok4, 0)"
    assert rate["Expression"] == f"IF(requests >= 20, 100 * (requests - {answered}) / requests, 0)"
    metrics = {each["Id"]: each["MetricStat"]["Metric"]["MetricName"] for each in sums}
    families = dict(zip(("ok2", "ok3", "ok4"), ANSWERED, strict=True))
    assert metrics == {"requests": REQUESTS, **families}
    assert {each["MetricStat"]["Stat"] for each in sums} == {"Sum"}
    assert {each["ReturnData"] for each in sums} == {False}


@pytest.mark.parametrize(
    ("sign", "metric", "most", "bad"),
    [("latency", "TargetResponseTime", 2, 2), ("hosts", "UnHealthyHostCount", 0, 3), ("errors", None, 2, 2)],
)
def test_most_of_three_minutes_have_to_breach_the_threshold(
    asg: dict[str, Any], sign: str, metric: str | None, most: int, bad: int
) -> None:
    alarm = alarms(asg)[sign]
    assert alarm.get("MetricName") == metric
    assert alarm.get("Statistic") == ("Maximum" if sign == "hosts" else None)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (most, "GreaterThanThreshold")
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, bad)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert text(alarm["AlarmActions"][0]) == "sns:lifecycle-alarms"
    assert f"to be at most {most}" in alarm["AlarmDescription"]
    assert "lifecycle status" in alarm["AlarmDescription"]


def test_only_the_main_target_group_is_watched(asg: dict[str, Any]) -> None:
    (main,) = (
        name
        for name, group in resources(asg, "ElasticLoadBalancingV2::TargetGroup").items()
        if group["Name"] == "lc-p-hello"
    )
    (balancer,) = resources(asg, "ElasticLoadBalancingV2::LoadBalancer")
    wanted = [
        {"Name": "TargetGroup", "Value": {"Fn::GetAtt": [main, "TargetGroupFullName"]}},
        {"Name": "LoadBalancer", "Value": {"Fn::GetAtt": [balancer, "LoadBalancerFullName"]}},
    ]
    found = alarms(asg)
    assert found["latency"]["Dimensions"] == found["hosts"]["Dimensions"] == wanted
    metrics = [each["MetricStat"]["Metric"] for each in found["errors"]["Metrics"] if "MetricStat" in each]
    assert [metric["Dimensions"] for metric in metrics] == [wanted] * 4


def test_thresholds_are_parameters_of_the_template_and_settings_of_a_cluster(
    byo: dict[str, Any], asg: dict[str, Any]
) -> None:
    found = alarms(byo)
    named = {"errors": "MostErrorPercent", "latency": "MostLatencySeconds", "hosts": "MostUnhealthyHosts"}
    assert {sign: found[sign]["Threshold"] for sign in SIGNS} == {s: {"Ref": p} for s, p in named.items()}
    defaults = {sign: byo["Parameters"][parameter]["Default"] for sign, parameter in named.items()}
    own = ClusterSettings("hello", "production", "vpc-1", ())
    assert defaults == {
        "errors": own.most_error_percent,
        "latency": own.most_latency_seconds,
        "hosts": own.most_unhealthy_hosts,
    }
    assert {sign: alarm["Threshold"] for sign, alarm in alarms(asg).items()} == defaults


def test_the_embedded_environment_counts_errors_because_it_has_no_metric_math(
    emulated_cluster: dict[str, Any],
) -> None:
    found = alarms(emulated_cluster)
    assert set(found) == set(SIGNS)
    for alarm in found.values():
        assert "Metrics" not in alarm
        assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (10, 1, 1)
    assert (found["errors"]["MetricName"], found["errors"]["Threshold"]) == (FAILED, 5)
