"""The calls of an agent at rest, counted over its own code; and the sum that docs/cost.md promises."""

import tomllib
from dataclasses import replace
from pathlib import Path

from apps.agent.settings import Settings
from lifecycle.domain.fleet.cluster import Cluster
from tools.cost.__main__ import PRICES
from tools.cost.at_rest import Calls, counted
from tools.cost.figures import Installation, besides_balancers, idle_month

LIST_PRICES = tomllib.loads(PRICES.read_text())
AGENT = Settings("host", Cluster("production", "hello"), "10.0.0.1", 8080, Path())


def month(at_rest: Calls, *, detailed: bool = False) -> float:
    """Return the USD of a month of 100 hosts with 60 rollouts, besides EC2 and load balancers."""
    installation = Installation(
        hosts=100,
        clusters=1,
        schedules={"converge": 15.0, "watch": 5.0},
        memory={"converge": 512, "watch": 512},
        alarm_metrics=6,
        dashboards=1,
        secrets=2,
        keys=4,
        at_rest=at_rest,
        widgets=7,
        widget_megabytes=1769,
        rollouts=60,
        detailed_monitoring=detailed,
    )
    return besides_balancers(idle_month(installation, LIST_PRICES))


def test_agent_polls_every_five_seconds_and_reports_every_ten() -> None:
    found = counted(AGENT, ("memory_mb", "queue_length"))
    assert (found.reads, found.writes) == (720, 360)
    assert (found.puts, found.metrics) == (0, 0)


def test_report_of_a_host_that_serves_is_one_write_unit() -> None:
    found = counted(AGENT)
    assert found.report_bytes <= 1024
    assert found.write_units == found.writes


def test_hundred_hosts_cost_at_most_sixty_dollars_besides_ec2_and_load_balancers() -> None:
    assert month(counted(AGENT, ("memory_mb", "queue_length"))) <= 60


def test_metrics_at_rest_and_detailed_monitoring_are_what_cost_hundreds() -> None:
    always = counted(replace(AGENT, metrics_always=True), ("memory_mb", "queue_length"))
    assert 330 <= month(always, detailed=True) <= 440
