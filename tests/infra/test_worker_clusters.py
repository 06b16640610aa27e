"""Clusters of services without HTTP: no load balancer and no alarms, and a parameter that says so."""

import json
from typing import Any

import pytest
from aws_cdk import App

from infra.settings import Settings
from tests.infra.conftest import WORKERS
from tests.infra.reading import allowed, only, resources


def kinds(template: dict[str, Any]) -> set[str]:
    return {each["Type"].removeprefix("AWS::") for each in template["Resources"].values()}


def test_there_is_no_load_balancer_and_nothing_that_needs_one(
    byo_workers: dict[str, Any], asg_workers: dict[str, Any]
) -> None:
    assert kinds(byo_workers) == {"SSM::Parameter", "IAM::Role", "Logs::LogGroup"}
    for template in (byo_workers, asg_workers):
        assert not {each for each in kinds(template) if each.startswith(("ElasticLoadBalancing", "CloudWatch"))}


def test_parameter_says_that_there_is_none_and_no_other_is_written(
    byo_workers: dict[str, Any], asg_workers: dict[str, Any]
) -> None:
    assert only(byo_workers, "SSM::Parameter")["Name"] == {
        "Fn::Sub": "/lifecycle/${Environment}/${Service}/without-load-balancer"
    }
    found = {p["Name"]: p["Value"] for p in resources(asg_workers, "SSM::Parameter").values()}
    assert found == {
        "/lifecycle/production/work/without-load-balancer": "http: false",
        "/lifecycle/production/work/auto-scaling-group": "lifecycle-production-work",
    }


def test_template_has_two_parameters_and_its_hosts_the_same_permissions(
    byo: dict[str, Any], byo_workers: dict[str, Any]
) -> None:
    assert byo_workers["Parameters"].keys() == {"Service", "Environment"}
    assert allowed(only(byo_workers, "IAM::Role")) == allowed(only(byo, "IAM::Role"))


def test_nobody_reaches_the_hosts_and_their_agents_have_no_port(
    asg: dict[str, Any], asg_workers: dict[str, Any]
) -> None:
    group = only(asg_workers, "EC2::SecurityGroup")
    assert not group.get("SecurityGroupIngress")
    assert "LIFECYCLE_PORT=0\n" in json.dumps(resources(asg_workers, "EC2::LaunchTemplate")).replace("\\n", "\n")
    assert "LIFECYCLE_PORT=8080\n" in json.dumps(resources(asg, "EC2::LaunchTemplate")).replace("\\n", "\n")
    assert only(asg_workers, "AutoScaling::AutoScalingGroup")["MaxSize"] == "3"


def test_dashboard_names_no_alarms_of_theirs(control_plane: dict[str, Any]) -> None:
    body = json.dumps(only(control_plane, "CloudWatch::Dashboard")["DashboardBody"])
    assert "lc-p-hello-errors" in body
    assert "lc-p-work" not in body


@pytest.mark.parametrize(
    "key", ["is_alive_path", "drain_seconds", "listener_port", "service_port", "certificate_arn"]
)
def test_settings_of_a_load_balancer_are_refused(key: str) -> None:
    with pytest.raises(SystemExit, match=f"{key}: a cluster with http: false has no load balancer"):
        Settings.of(App(context={"clusters": [{**WORKERS, key: 1}]}))


@pytest.mark.parametrize("http", ["false", 0, "no"])
def test_http_is_true_or_false(http: object) -> None:
    with pytest.raises(SystemExit, match="http: expected true or false"):
        Settings.of(App(context={"clusters": [{**WORKERS, "http": http}]}))
