"""Billed seconds and dollars of a phase, a host, a deployment and a month; pure arithmetic."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from apps.local.errors import LaptopError
from tools.cost.definition import ONCE, Rollout
from tools.cost.history import Invocation

HOURS_A_MONTH = 730.0
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
    idle_seconds: float  # between an agent's polls
    heartbeat_seconds: float  # between an agent's reports
    report_bytes: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the month: its quantity in words, and dollars."""

    what: str
    quantity: str
    dollars: float


def idle_month(of: Installation, prices: Prices) -> list[Line]:
    """Return what a month without a deployment costs, line by line, without the hosts themselves."""
    lines = [_scheduled(of, phase, minutes, prices) for phase, minutes in of.schedules.items()]
    hosts, seconds = of.hosts * of.clusters, HOURS_A_MONTH * 3600
    reads = hosts * seconds / of.idle_seconds  # an item below 4 KB is one unit of a consistent read
    units = math.ceil(of.report_bytes / 1024)
    writes = hosts * seconds / of.heartbeat_seconds * units
    alarms = of.alarm_metrics * of.clusters
    dynamodb, cloudwatch = prices["dynamodb"], prices["cloudwatch"]
    return [
        *lines,
        Line(
            "agents' polls", f"{reads:,.0f} reads, every {of.idle_seconds:g} s a host", reads * dynamodb["read_unit"]
        ),
        Line(
            "agents' reports",
            f"{writes:,.0f} write units, {units} every {of.heartbeat_seconds:g} s a host",
            writes * dynamodb["write_unit"],
        ),
        Line("alarms", f"{alarms} metrics in alarms", alarms * cloudwatch["alarm_metric_month"]),
        Line("dashboards", f"{of.dashboards}", of.dashboards * cloudwatch["dashboard_month"]),
        Line("secrets", f"{of.secrets}", of.secrets * prices["secrets_manager"]["secret_month"]),
        Line("keys", f"{of.keys}", of.keys * prices["kms"]["key_month"]),
        Line(
            "load balancers",
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


def rollouts_month(host: Share, deployment: Share, *, hosts: int, clusters: int, rollouts: int) -> Line:
    """Return what a month's rollouts cost: `rollouts` in each cluster, each of `hosts` hosts."""
    dollars = clusters * rollouts * (deployment.dollars + hosts * host.dollars)
    return Line("rollouts", f"{clusters} x {rollouts:,} rollouts of {hosts:,} hosts", dollars)
