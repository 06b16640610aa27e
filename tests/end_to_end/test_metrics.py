"""CloudWatch metrics of a service on a laptop: those of its target groups, as from an ALB."""

import json
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.gateways.aws.metrics import balancer_dimensions
from tests.conftest import Laptop
from tests.end_to_end.conftest import Hello
from tests.end_to_end.service import Service
from tests.support.polling import PATIENCE_SECONDS, wait_for
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator

CLUSTER_LEAVES = ("target-group", "test-bed-group", "control-group", "listener")


def values(laptop: Laptop, namespace: str, name: str, stat: str, named: Mapping[str, str]) -> list[float]:
    """Return the values of a metric within the last two minutes."""
    dimensions = [{"Name": key, "Value": value} for key, value in named.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 1, "Stat": stat}}
    now = datetime.now(UTC)
    found: Any = laptop.aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(minutes=2), EndTime=now + timedelta(seconds=1)
    )
    return [float(value) for value in found["MetricDataResults"][0]["Values"]]


def parameters_of(laptop: Laptop, service: Service) -> dict[str, str]:
    """Return the parameters that the stack of the service's production cluster wrote."""
    ssm = laptop.aws.client("ssm")
    names = {leaf: f"/lifecycle/production/{service.name}/{leaf}" for leaf in CLUSTER_LEAVES}
    return {leaf: str(ssm.get_parameter(Name=name)["Parameter"]["Value"]) for leaf, name in names.items()}


def test_the_load_balancer_uses_every_group_and_sends_all_requests_to_the_main_one(
    laptop: Laptop, hello: Service, releases: Hello
) -> None:
    port = laptop.facts["ports"]["balancer"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_lifecycle/state", timeout=PATIENCE_SECONDS) as answer:
        state = json.load(answer)
    known = parameters_of(laptop, hello)
    used = {group["arn"] for group in state["target_groups"] if group["used"]}
    assert {known[leaf] for leaf in CLUSTER_LEAVES[:3]} <= used
    forwards = {
        each["arn"]: [part["weight"] for part in each["forward"]]
        for balancer in state["load_balancers"]
        for each in balancer["listeners"]
    }
    assert forwards[known["listener"]] == [1, 0, 0]


def test_requests_are_counted_as_by_an_alb(laptop: Laptop, hello: Service, releases: Hello) -> None:
    known = parameters_of(laptop, hello)
    named = dict(balancer_dimensions(known["target-group"], known["listener"]))
    before = sum(values(laptop, "AWS/ApplicationELB", "RequestCount", "Sum", named))
    with Traffic(hello.url, 50.0, seconds=2) as traffic:
        traffic.wait()
    sent = traffic.tally.sent

    def counted() -> bool:
        return sum(values(laptop, "AWS/ApplicationELB", "RequestCount", "Sum", named)) >= before + sent

    assert wait_for("the requests to be counted", counted)
    assert all(0 < each < 5 for each in values(laptop, "AWS/ApplicationELB", "TargetResponseTime", "p99", named))
    everyone = float(len(hello.production.hosts))

    def healthy() -> bool:
        return values(laptop, "AWS/ApplicationELB", "HealthyHostCount", "Maximum", named)[-1:] == [everyone]

    assert wait_for("all hosts to be counted as healthy", healthy)
