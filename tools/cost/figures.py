"""Billed seconds and dollars of a phase, a host, a deployment and a month; pure arithmetic."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from apps.local.errors import LaptopError
from tools.cost.at_rest import Calls
from tools.cost.definition import ONCE, Rollout
from tools.cost.history import Invocation

HOURS_A_MONTH = 730.0
BALANCERS = "load balancers"
Prices = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """The calls of one phase in a rollout, each billed by the millisecond that it began."""

    name: str
    megabytes: int
    billed: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return sum(self.billed)

    @property
    def gb_seconds(self) -> float:
        return self.seconds * self.megabytes / 1024

    def dollars_a_call(self, prices: Prices) -> float:
        """Return the price of a call of the mean duration, with its request."""
        lambda_ = prices["lambda"]
        return float(self.gb_seconds / len(self.billed) * lambda_["gb_second"] + lambda_["request"])


def phases(calls: Sequence[Invocation], memory: Mapping[str, int]) -> dict[str, Phase]:
    """Group the calls by phase, in the order of their first call; `memory` is in megabytes."""
    billed: dict[str, list[float]] = {}
    for call in calls:
        billed.setdefault(call.phase, []).append(math.ceil(round(call.seconds * 1000, 3)) / 1000)
    return {name: Phase(name, memory[name], tuple(each)) for name, each in billed.items()}


@dataclass(frozen=True, slots=True)
class Share:
    """The cost of one more host, or of a deployment without its hosts."""

    transitions: int
    calls: int
    seconds: float
    gb_seconds: float
    transition_dollars: float
    lambda_dollars: float

    @property
    def dollars(self) -> float:
        return self.transition_dollars + self.lambda_dollars


def host_share(found: Mapping[str, Phase], rollout: Rollout, prices: Prices) -> Share:
    """Return what one more host costs: one call of each phase on its way, at the mean duration.

    Raises LaptopError when the rollout called not all of them.
    """
    return _share(found, rollout.host_phases, len(rollout.host), prices)


def deployment_share(found: Mapping[str, Phase], rollout: Rollout, prices: Prices) -> Share:
    """Return what a deployment costs besides its hosts."""
    return _share(found, rollout.once_phases, len(ONCE), prices)


def _share(found: Mapping[str, Phase], names: Sequence[str], transitions: int, prices: Prices) -> Share:
    if missing := [name for name in names if name not in found]:
        raise LaptopError(
            f"the execution never called {', '.join(missing)}, so it has no whole host to count. "
            "Choose a rollout that updated a host by --deployment ID; `lifecycle history` lists them"
        )
    called = [found[name] for name in names]
    seconds = [mean(each.billed) for each in called]
    return Share(
        transitions=transitions,
        calls=len(called),
        seconds=sum(seconds),
        gb_seconds=sum(each * phase.megabytes / 1024 for each, phase in zip(seconds, called, strict=True)),
        transition_dollars=transitions * prices["step_functions"]["transition"],
        lambda_dollars=sum(each.dollars_a_call(prices) for each in called),
    )


@dataclass(frozen=True, slots=True)
class Installation:
    """The facts of an installation that cost money while nothing is deployed."""

    hosts: int  # of each cluster
    clusters: int
    schedules: Mapping[str, float]  # minutes between the runs of a phase
    memory: Mapping[str, int]
    alarm_metrics: int  # of each cluster
    dashboards: int
    secrets: int
    keys: int
    at_rest: Calls  # of each host, in an hour
    widgets: int
    widget_megabytes: int
    rollouts: int = 0  # of each cluster, in a month
    detailed_monitoring: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the month: its quantity in words, and dollars."""

    what: str
    quantity: str
    dollars: float


def idle_month(of: Installation, prices: Prices) -> list[Line]:
    """Return what a month without a deployment costs, line by line, without the hosts themselves."""
    lines = [_scheduled(of, phase, minutes, prices) for phase, minutes in of.schedules.items()]
    hosts, rest = of.hosts * of.clusters, of.at_rest
    reads, writes = (hosts * HOURS_A_MONTH * each for each in (rest.reads, rest.write_units))
    alarms = of.alarm_metrics * of.clusters
    dynamodb, cloudwatch = prices["dynamodb"], prices["cloudwatch"]
    return [
        *lines,
        Line("agents' polls", f"{reads:,.0f} reads, {rest.reads:g} an hour and host", reads * dynamodb["read_unit"]),
        Line(
            "agents' reports",
            f"{writes:,.0f} write units, {rest.write_units:g} an hour and host, of {rest.report_bytes} bytes",
            writes * dynamodb["write_unit"],
        ),
        *_metrics(of, prices),
        _console(of, prices),
        Line("alarms", f"{alarms} metrics in alarms", alarms * cloudwatch["alarm_metric_month"]),
        Line("dashboards", f"{of.dashboards}", of.dashboards * cloudwatch["dashboard_month"]),
        Line("secrets", f"{of.secrets}", of.secrets * prices["secrets_manager"]["secret_month"]),
        Line("keys", f"{of.keys}", of.keys * prices["kms"]["key_month"]),
        Line(
            BALANCERS,
            f"{of.clusters} x {HOURS_A_MONTH:g} hours",
            of.clusters * HOURS_A_MONTH * prices["load_balancer"]["hour"],
        ),
    ]


def _scheduled(of: Installation, phase: str, minutes: float, prices: Prices) -> Line:
    runs = HOURS_A_MONTH * 60 / minutes
    seconds = prices["assumed"]["scheduled_seconds"] * of.clusters
    gb_seconds = runs * seconds * of.memory[phase] / 1024
    lambda_, run = prices["lambda"], prices["scheduler"]["invocation"]
    return Line(
        phase,
        f"{runs:,.0f} runs, every {minutes:g} minutes, {seconds:g} s each (assumed)",
        gb_seconds * lambda_["gb_second"] + runs * (lambda_["request"] + run),
    )


def _metrics(of: Installation, prices: Prices) -> list[Line]:
    """Return the metrics of services at rest and while rollouts bake, and EC2's detailed ones."""
    cloudwatch, assumed, hosts, rest = prices["cloudwatch"], prices["assumed"], of.hosts * of.clusters, of.at_rest
    # A host that publishes at rest, too, publishes nothing more while it bakes.
    rollouts = 0 if rest.metrics else of.rollouts
    puts, baking = hosts * HOURS_A_MONTH * rest.puts, rollouts * assumed["rollout_hours"]
    kept = hosts * rest.metrics * cloudwatch["custom_metric_month"]
    measures = assumed["measures"]
    hourly = measures * cloudwatch["custom_metric_month"] / HOURS_A_MONTH + 60 * cloudwatch["put_request"]
    detailed = hosts * cloudwatch["detailed_instance_month"] if of.detailed_monitoring else 0.0
    return [
        Line(
            "metrics at rest",
            f"{hosts * rest.metrics:,} metrics, {puts:,.0f} calls",
            kept + puts * cloudwatch["put_request"],
        ),
        Line(
            "metrics of bakes",
            f"{hosts:,} hosts x {measures} metrics x {baking:g} hours (assumed)",
            hosts * baking * hourly,
        ),
        Line("detailed EC2", f"{hosts if of.detailed_monitoring else 0} instances", detailed),
    ]


def _console(of: Installation, prices: Prices) -> Line:
    """Return the calls of the widgets of an open dashboard."""
    assumed, lambda_ = prices["assumed"], prices["lambda"]
    calls = assumed["console_hours"] * 60 * of.widgets
    gb_seconds = calls * assumed["widget_seconds"] * of.widget_megabytes / 1024
    dollars = gb_seconds * lambda_["gb_second"] + calls * lambda_["request"]
    return Line("console", f"{calls:,.0f} calls in {assumed['console_hours']:g} hours (assumed)", dollars)


def besides_balancers(lines: Sequence[Line]) -> float:
    """Return the sum without the load balancers, which a service has without Lifecycle, too."""
    return sum(line.dollars for line in lines if line.what != BALANCERS)


def rollouts_month(host: Share, deployment: Share, *, hosts: int, clusters: int, rollouts: int) -> Line:
    """Return what a month's rollouts cost: `rollouts` in each cluster, each of `hosts` hosts."""
    dollars = clusters * rollouts * (deployment.dollars + hosts * host.dollars)
    return Line("rollouts", f"{clusters} x {rollouts:,} rollouts of {hosts:,} hosts", dollars)
