from dataclasses import replace

import pytest

from apps.local.errors import LaptopError
from tools.cost import report
from tools.cost.at_rest import Calls
from tools.cost.definition import ONCE, Rollout
from tools.cost.figures import (
    HOURS_A_MONTH,
    Installation,
    deployment_share,
    host_share,
    idle_month,
    phases,
    rollouts_month,
)
from tools.cost.history import Invocation
from tools.cost.templates import minutes, read

PRICES = {
    "lambda": {"gb_second": 0.0000166667, "request": 2e-7},
    "step_functions": {"transition": 25e-6},
    "dynamodb": {"read_unit": 0.125e-6, "write_unit": 0.625e-6},
    "cloudwatch": {
        "alarm_metric_month": 0.1,
        "dashboard_month": 3.0,
        "custom_metric_month": 0.3,
        "put_request": 1e-5,
        "detailed_instance_month": 2.1,
    },
    "scheduler": {"invocation": 1e-6},
    "secrets_manager": {"secret_month": 0.4},
    "kms": {"key_month": 1.0},
    "load_balancer": {"hour": 0.0225},
    "assumed": {
        "scheduled_seconds": 1.0,
        "console_hours": 160.0,
        "widget_seconds": 0.3,
        "measures": 2,
        "rollout_hours": 1.0,
    },
}
ROLLOUT = Rollout(
    {"Plan": "plan", "NextStep": "next_step", "Finish": "finish", "Drain": "drain"},
    ("NextStep", "Step", "UpdateHosts", "Drain"),
    ("Drain",),
)
MEMORY = {"plan": 256, "next_step": 256, "finish": 256, "drain": 1024}
CALLS = [
    Invocation("plan", 0.5),
    Invocation("next_step", 0.1),
    Invocation("drain", 1.0001),
    Invocation("next_step", 0.3),
    Invocation("drain", 2.0),
    Invocation("finish", 0.5),
]
INSTALLATION = Installation(
    hosts=100,
    clusters=2,
    schedules={"converge": 15.0},
    memory={"converge": 256},
    alarm_metrics=6,
    dashboards=1,
    secrets=1,
    keys=1,
    at_rest=Calls(reads=720, writes=1200, write_units=2400, report_bytes=1025, puts=0, metrics=0),
    widgets=7,
    widget_megabytes=1024,
)


def test_each_call_is_billed_by_the_millisecond_that_it_began() -> None:
    drain = phases(CALLS, MEMORY)["drain"]
    assert drain.billed == (1.001, 2.0)
    assert drain.gb_seconds == pytest.approx(3.001)


def test_whole_milliseconds_are_not_rounded_up() -> None:
    assert phases([Invocation("drain", 0.1 + 0.2)], MEMORY)["drain"].billed == (0.3,)


def test_one_more_host_is_one_call_of_each_phase_on_its_way() -> None:
    host = host_share(phases(CALLS, MEMORY), ROLLOUT, PRICES)
    assert (host.transitions, host.calls) == (4, 2)
    assert host.seconds == pytest.approx(0.2 + 1.5005)
    assert host.gb_seconds == pytest.approx(0.2 / 4 + 1.5005)
    assert host.dollars == pytest.approx(4 * 25e-6 + 1.5505 * 0.0000166667 + 2 * 2e-7)


def test_deployment_without_hosts_is_its_plan_a_next_step_and_its_end() -> None:
    deployment = deployment_share(phases(CALLS, MEMORY), ROLLOUT, PRICES)
    assert (deployment.transitions, deployment.calls) == (len(ONCE), 3)
    assert deployment.seconds == pytest.approx(0.5 + 0.2 + 0.5)


def test_rollout_that_updated_no_host_is_refused() -> None:
    with pytest.raises(LaptopError, match="never called drain"):
        host_share(phases(CALLS[:2], MEMORY), ROLLOUT, PRICES)


def test_month_counts_every_rollout_and_host() -> None:
    found = phases(CALLS, MEMORY)
    host, deployment = host_share(found, ROLLOUT, PRICES), deployment_share(found, ROLLOUT, PRICES)
    month = rollouts_month(host, deployment, hosts=100, clusters=2, rollouts=60)
    assert month.dollars == pytest.approx(120 * (deployment.dollars + 100 * host.dollars))


def test_idle_month_counts_polls_reports_alarms_and_schedules() -> None:
    lines = {line.what: line for line in idle_month(INSTALLATION, PRICES)}
    seconds = HOURS_A_MONTH * 3600
    assert lines["agents' polls"].dollars == pytest.approx(200 * seconds / 5 * 0.125e-6)
    # 1,025 bytes are two units.
    assert lines["agents' reports"].dollars == pytest.approx(200 * seconds / 3 * 2 * 0.625e-6)
    assert lines["alarms"].dollars == pytest.approx(1.2)
    runs = HOURS_A_MONTH * 4
    assumed = PRICES["assumed"]["scheduled_seconds"] * 2
    assert lines["converge"].dollars == pytest.approx(runs * (assumed / 4 * 0.0000166667 + 2e-7 + 1e-6))


def test_metrics_are_billed_at_rest_only_where_they_were_asked_for() -> None:
    lines = {line.what: line.dollars for line in idle_month(INSTALLATION, PRICES)}
    assert (lines["metrics at rest"], lines["detailed EC2"], lines["metrics of bakes"]) == (0, 0, 0)
    asked = replace(
        INSTALLATION, at_rest=replace(INSTALLATION.at_rest, puts=60, metrics=2), detailed_monitoring=True, rollouts=60
    )
    lines = {line.what: line.dollars for line in idle_month(asked, PRICES)}
    assert lines["metrics at rest"] == pytest.approx(200 * (2 * 0.3 + HOURS_A_MONTH * 60 * 1e-5))
    assert lines["detailed EC2"] == pytest.approx(420.0)
    assert lines["metrics of bakes"] == 0  # they are published anyway
    baking = {line.what: line.dollars for line in idle_month(replace(INSTALLATION, rollouts=60), PRICES)}
    assert baking["metrics of bakes"] == pytest.approx(200 * 60 * (2 * 0.3 / HOURS_A_MONTH + 60e-5))


def test_report_says_what_is_counted_and_what_is_measured_here() -> None:
    found = phases(CALLS, MEMORY)
    text = "\n".join(report.stages(found, ROLLOUT, PRICES))
    assert "drain" in text
    assert "the same on AWS" in report.NOTES
    assert "Measured here" in report.NOTES


def test_templates_say_memory_schedules_and_metrics_of_alarms() -> None:
    query = {"Id": "m", "MetricStat": {}}
    control_plane = {
        "A": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"FunctionName": "lifecycle-next-step", "MemorySize": 256},
        },
        "B": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {"Name": "lifecycle-converge", "ScheduleExpression": "rate(1 hour)"},
        },
        "C": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {}},
        "D": {"Type": "AWS::KMS::Key", "Properties": {}},
    }
    cluster = {
        "A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "one"}},
        "B": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [query, query, {"Expression": "m + m"}]}},
    }
    found = read(control_plane, cluster)
    assert found.memory == {"next_step": 256}
    assert found.schedules == {"converge": 60.0}
    assert (found.dashboards, found.secrets, found.keys, found.alarm_metrics) == (1, 0, 1, 3)


def test_schedule_of_another_kind_is_refused() -> None:
    with pytest.raises(LaptopError, match="cron"):
        minutes("cron(0 * * * ? *)")
