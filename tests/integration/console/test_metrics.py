"""A metric widget's shorthand is expanded as CloudWatch does."""

from collections.abc import Sequence
from typing import Any

import pytest

from apps.local.console.metric_widget import MOST_LINES, chart, period_of
from apps.local.console.ports import Metric, MetricQuery

HOUR = 3600
ALB = "AWS/ApplicationELB"


def alb(name: str, group: str, *, load_balancer: bool = True) -> Metric:
    dimensions = [("TargetGroup", f"targetgroup/{group}/0123456789abcdef")]
    if load_balancer:
        dimensions.insert(0, ("LoadBalancer", "app/lifecycle/0123456789abcdef"))
    return Metric(ALB, name, tuple(dimensions))


KNOWN = (
    alb("RequestCount", "lc-p-hello"),
    alb("RequestCount", "lc-s-hello"),
    alb("RequestCount", "other"),
    alb("RequestCount", "lc-p-hello", load_balancer=False),
    alb("HTTPCode_Target_5XX_Count", "lc-p-hello"),
)


def known(namespace: str, name: str) -> Sequence[Metric]:
    return [each for each in KNOWN if namespace in ("", each.namespace) and name in ("", each.name)]


def drawn(*metrics: Any, **properties: Any) -> tuple[MetricQuery, ...]:
    found = chart({"metrics": list(metrics), **properties}, HOUR, known)
    assert found.problems == ()
    return found.queries


def test_entry_is_a_namespace_a_name_and_pairs_of_dimensions() -> None:
    [line] = drawn(["AWS/States", "ExecutionsFailed", "StateMachineArn", "arn"], stat="Sum")
    assert line == MetricQuery(
        Metric("AWS/States", "ExecutionsFailed", (("StateMachineArn", "arn"),)), "Sum", 60, "ExecutionsFailed"
    )


def test_dots_repeat_words_of_the_entry_above() -> None:
    lines = drawn(
        ["AWS/Lambda", "Errors", "FunctionName", "a"],
        [".", "Invocations", ".", "b", {"label": "calls", "yAxis": "right"}],
        ["...", "c", {"stat": "Sum"}],
    )
    assert [(each.metric.name, each.metric.dimension("FunctionName")) for each in lines] == [
        ("Errors", "a"),
        ("Invocations", "b"),
        ("Invocations", "c"),
    ]
    assert [each.stat for each in lines] == ["Average", "Average", "Sum"]
    assert (lines[1].label, lines[1].right, lines[2].right) == ("calls", True, False)


def test_invisible_entry_is_not_drawn_but_can_be_repeated() -> None:
    [line] = drawn(["N", "Hidden", "D", "a", {"visible": False}], ["...", "b"])
    assert line.metric == Metric("N", "Hidden", (("D", "b"),))


def test_a_search_finds_by_schema_name_and_part_of_a_dimension() -> None:
    query = '{AWS/ApplicationELB,TargetGroup,LoadBalancer} MetricName="RequestCount" TargetGroup=lc-'
    lines = drawn([{"expression": f"SEARCH('{query}', 'Sum', 60)"}])
    assert [each.label for each in lines] == ["lc-p-hello RequestCount", "lc-s-hello RequestCount"]
    assert {(each.stat, each.period) for each in lines} == {("Sum", 60)}


def test_a_search_without_a_schema_and_with_a_word_that_must_not_be_there() -> None:
    lines = drawn([{"expression": "SEARCH('RequestCount lc- NOT lc-s', 'Average')"}])
    assert [dict(each.metric.dimensions).get("LoadBalancer", "") != "" for each in lines] == [True, False]


def test_labels_distinguish_lines() -> None:
    search = "SEARCH('{AWS/ApplicationELB,LoadBalancer,TargetGroup} MetricName=\"RequestCount\" other', 'Sum')"
    [given] = drawn([{"expression": search, "label": "${PROP('Dim.TargetGroup')} requests"}])
    [plain] = drawn([{"expression": search, "label": "requests"}])
    assert (given.label, plain.label) == ("other requests", "requests other")


def test_unsupported_expression_is_reported() -> None:
    found = chart({"metrics": [[{"expression": "m1/m2", "label": "rate"}], ["lonely"]]}, HOUR, known)
    assert found.queries == ()
    assert found.problems[0] == "the embedded AWS cannot compute m1/m2"
    assert found.problems[1].startswith("expected a namespace, a name and pairs")


def test_lines_beyond_the_limit_are_cut_and_reported() -> None:
    found = chart({"metrics": [["N", "M", "D", str(n)] for n in range(MOST_LINES + 5)]}, HOUR, known)
    assert len(found.queries) == MOST_LINES
    assert found.problems == (f"the first {MOST_LINES} of {MOST_LINES + 5} lines are drawn",)


@pytest.mark.parametrize("metrics", [None, "text", 7, [], [[]]])
def test_a_widget_without_metrics_draws_nothing(metrics: Any) -> None:
    assert chart({"metrics": metrics}, HOUR, known).queries == ()


def test_the_period_grows_with_the_view() -> None:
    assert [period_of(minutes * 60) for minutes in (15, 60, 180, 720, 4320, 10_080)] == [
        *(10, 60, 60, 300, 900),
        3600,
    ]
