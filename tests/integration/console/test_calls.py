"""The calls that the page may make, and the operator's name in them."""

from typing import Any

import pytest

from apps.local.console.api import Calls
from apps.local.console.errors import AwsRefused, NoDashboard
from apps.local.console.ports import Line, Metric
from apps.local.http_server import Refused
from tests.integration.console.fake_aws import FakeAws, arn, custom

NOW = 1_790_000_000_000
SHOW = "lifecycle-show-clusters"


def calls(aws: FakeAws) -> Calls:
    return Calls(aws, "ada")


def asking(endpoint: object, **payload: Any) -> dict[str, Any]:
    return {"endpoint": endpoint, "payload": payload}


def test_dashboard_lists_widgets_from_top_to_bottom() -> None:
    aws = FakeAws([custom(SHOW, "low", y=6), custom(SHOW, "right", x=12), custom(SHOW, "left")])
    found = calls(aws).answer("dashboard", {})
    assert [each["properties"]["title"] for each in found["widgets"]] == ["left", "right", "low"]
    assert (found["name"], found["by"], found["account"]) == ("lifecycle-us-east-1", "ada", "000000000000")


def test_missing_dashboard_names_the_command_that_deploys_it() -> None:
    with pytest.raises(NoDashboard, match="lifecycle local up"):
        calls(FakeAws(None)).answer("dashboard", {})


def test_show_function_receives_the_pages_payload() -> None:
    aws = FakeAws([custom(SHOW, "")], {SHOW: lambda payload: f"<b>{payload['service']}</b>"})
    assert calls(aws).answer("invoke", asking(arn(SHOW), service="hello")) == {"answer": "<b>hello</b>"}
    assert aws.payloads(SHOW) == [{"service": "hello"}]


def test_server_sets_the_operator_of_an_action() -> None:
    aws = FakeAws([custom(SHOW, "")], {"lifecycle-act": lambda _: ""})
    calls(aws).answer("invoke", asking(arn("lifecycle-act"), action="freeze", by="mallory"))
    assert aws.payloads("lifecycle-act") == [{"action": "freeze", "by": "ada"}]


@pytest.mark.parametrize(
    "endpoint",
    [
        arn("lifecycle-show-history"),
        arn("lifecycle-promote"),
        arn("lifecycle-decide"),
        arn("other"),
        "lifecycle-act",
        arn("lifecycle-act").replace("000000000000", "111111111111"),
        f"{arn(SHOW)}:1",
        f"{arn(SHOW)}\n",
        None,
        7,
    ],
)
def test_function_that_the_dashboard_does_not_name_is_never_called(endpoint: object) -> None:
    aws = FakeAws([custom(SHOW, "")], {SHOW: lambda _: ""})
    with pytest.raises(Refused, match="that the dashboard names"):
        calls(aws).answer("invoke", asking(endpoint))
    assert aws.invoked == []


def test_act_function_is_refused_without_a_dashboard_function() -> None:
    with pytest.raises(Refused, match="that the dashboard names"):
        calls(FakeAws([])).answer("invoke", asking(arn("lifecycle-act")))


def test_refusal_of_iam_is_passed_on() -> None:
    with pytest.raises(AwsRefused, match="may not invoke it"):
        calls(FakeAws([custom(SHOW, "")])).answer("invoke", asking(arn(SHOW)))


def test_too_large_answer_is_refused() -> None:
    aws = FakeAws([custom(SHOW, "")], {SHOW: lambda _: "x" * 1_100_000})
    with pytest.raises(Refused, match="at most 1 MB"):
        calls(aws).answer("invoke", asking(arn(SHOW)))


def test_metric_widgets_lines_have_labels() -> None:
    metric = Metric("AWS/Lambda", "Errors", (("FunctionName", "lifecycle-plan"),))
    aws = FakeAws(metrics={metric: Line((1.0, 2.0), (0.0, 3.0))})
    properties = {"metrics": [["AWS/Lambda", "Errors", "FunctionName", "lifecycle-plan"]], "stat": "Sum"}
    asked = {"properties": properties, "start": NOW - 3_600_000, "end": NOW}
    assert calls(aws).answer("metrics", asked) == {
        "lines": [
            {"label": "Errors", "stat": "Sum", "period": 60, "right": False}
            | {"times": (1.0, 2.0), "values": (0.0, 3.0)}
        ],
        "problems": [],
    }


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"properties": [], "start": 1, "end": 2},
        {"properties": {}, "start": NOW, "end": NOW},
        {"properties": {}, "start": "today", "end": NOW},
        {"properties": {}, "start": -1, "end": NOW},
    ],
)
def test_metrics_need_a_widget_and_a_time_range(asked: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="expected"):
        calls(FakeAws()).answer("metrics", asked)


def test_alarms_are_read_by_their_arns() -> None:
    aws = FakeAws(alarmed=[{"name": "lc-errors", "state": "ALARM"}, {"name": "other", "state": "OK"}])
    asked = {"alarms": ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:lc-errors"]}
    assert calls(aws).answer("alarms", asked) == {"alarms": [{"name": "lc-errors", "state": "ALARM"}]}
    assert calls(aws).answer("alarms", {"alarms": []}) == {"alarms": []}


def test_running_reports_an_active_delivery_or_rollout() -> None:
    assert calls(FakeAws(runs=True)).answer("running", {}) == {"running": True}
