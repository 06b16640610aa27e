"""The dashboard: every widget calls an existing function, nothing overlaps, no cluster is named by chance."""

import itertools
import json
from typing import Any

import pytest

from infra.constructs.dashboard import VIEWS
from infra.settings import Settings
from tests.infra.reading import only, resources

Widget = dict[str, Any]


@pytest.fixture
def body(control_plane: dict[str, Any]) -> dict[str, Any]:
    """The dashboard as in the template, with its `${...}`."""
    found = only(control_plane, "CloudWatch::Dashboard")
    assert found["DashboardName"] == {"Fn::Sub": "lifecycle-${AWS::Region}"}
    read: dict[str, Any] = json.loads(found["DashboardBody"]["Fn::Sub"])
    return read


def of_kind(body: dict[str, Any], kind: str) -> list[Widget]:
    return [each for each in body["widgets"] if each["type"] == kind]


def test_every_custom_widget_calls_a_function_of_its_own(body: dict[str, Any], control_plane: dict[str, Any]) -> None:
    functions = {each["FunctionName"] for each in resources(control_plane, "Lambda::Function").values()}
    called = [each["properties"]["endpoint"].rpartition(":function:")[2] for each in of_kind(body, "custom")]
    assert sorted(called) == sorted(f"lifecycle-{name.replace('_', '-')}" for name, _, _ in VIEWS)
    assert set(called) <= functions
    assert "lifecycle-act" not in called


def test_every_custom_widget_is_drawn_at_each_refresh(body: dict[str, Any]) -> None:
    for each in of_kind(body, "custom"):
        assert each["properties"]["updateOn"] == {"refresh": True, "resize": True, "timeRange": False}
        assert each["properties"]["title"]


def test_widgets_stay_on_the_grid_and_do_not_overlap(body: dict[str, Any]) -> None:
    for each in body["widgets"]:
        assert 0 <= each["x"] < each["x"] + each["width"] <= 24
        assert 1 <= each["height"] <= 1000
    for one, other in itertools.combinations(body["widgets"], 2):
        apart = (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        )
        assert apart, (one["properties"]["title"], other["properties"]["title"])


def test_metrics_are_beside_the_widgets(body: dict[str, Any]) -> None:
    titles = {each["properties"]["title"] for each in of_kind(body, "metric")}
    assert {"Runs that failed", "Errors of Lifecycle's functions", "Answers 5xx", "Healthy hosts"} <= titles
    assert all(each["properties"]["region"] == "${AWS::Region}" for each in of_kind(body, "metric"))


def test_the_alarms_of_known_clusters_are_shown(body: dict[str, Any]) -> None:
    (alarms,) = of_kind(body, "alarm")
    assert [each.rpartition(":alarm:")[2] for each in alarms["properties"]["alarms"]] == [
        "lc-p-hello-errors",
        "lc-p-hello-latency",
        "lc-p-hello-hosts",
    ]


def test_without_a_known_cluster_there_is_no_alarm_widget() -> None:
    from aws_cdk import App, Stack  # noqa: PLC0415  (CDK takes seconds to import; only these tests pay)
    from aws_cdk.assertions import Template  # noqa: PLC0415

    from infra.constructs.dashboard import Dashboard  # noqa: PLC0415

    stack = Stack(App(analytics_reporting=False), "alone")
    Dashboard(stack, "Dashboard")
    made = only(dict(Template.from_stack(stack).to_json()), "CloudWatch::Dashboard")
    assert not of_kind(json.loads(made["DashboardBody"]["Fn::Sub"]), "alarm")


def test_a_cluster_of_another_stack_is_named_by_environment_and_service() -> None:
    from aws_cdk import App  # noqa: PLC0415

    def settings(value: object) -> Settings:
        return Settings.of(App(context={"dashboard_clusters": value}, analytics_reporting=False))

    assert settings(["staging/hello"]).dashboard_clusters == ("staging/hello",)
    assert settings('["production/other"]').dashboard_clusters == ("production/other",)
    with pytest.raises(SystemExit, match="write them as production/hello"):
        settings(["hello"])


def test_the_former_name_of_the_heartbeat_timeout_is_refused() -> None:
    from aws_cdk import App  # noqa: PLC0415

    with pytest.raises(SystemExit, match="is now agent_heartbeat_timeout_seconds"):
        Settings.of(App(context={"agent_patience_seconds": "60"}, analytics_reporting=False))
