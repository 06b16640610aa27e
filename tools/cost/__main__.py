"""Print what a rollout costs by stage and by host, and what a month of an installation costs."""

import argparse
import dataclasses
import math
import sys
import tomllib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from apps.agent.settings import Settings as AgentSettings
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.cluster import Cluster
from tools.cost import figures, report
from tools.cost.at_rest import Calls, counted
from tools.cost.definition import Rollout, rollout
from tools.cost.environment import Running
from tools.cost.figures import Installation, Line, Prices, Share
from tools.cost.history import invocations
from tools.cost.templates import Priced, priced

_A_WIDGET = "show_clusters"
PRICES = Path(__file__).with_name("prices.toml")


def main() -> int:
    """Print the report; return 1 with the reason on stderr when there is nothing to count."""
    options = _options()
    try:
        _print(options, tomllib.loads(PRICES.read_text()))
    except LifecycleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _print(options: argparse.Namespace, prices: Prices) -> None:
    parts = priced()
    if options.idle:
        settings = _agent(options)
        lines = figures.idle_month(_installation(options, parts, counted(settings, _measures(prices))), prices)
    else:
        lines = _with_rollouts(options, parts, prices)
    print(f"\na month of {options.clusters} x {options.hosts} hosts:")
    _lines(report.month(lines))
    print(f"\nList prices of {prices['region']} as known on {prices['date']}; check them before you rely on them.")
    print(f"They are in {PRICES.relative_to(Path.cwd()) if PRICES.is_relative_to(Path.cwd()) else PRICES}.")
    print(report.NOTES)


def _with_rollouts(options: argparse.Namespace, parts: Priced, prices: Prices) -> list[Line]:
    """Print the stages of a rollout; return the lines of a month, with its rollouts."""
    running, path = Running.find(), rollout()
    arn = options.execution or (
        running.rollout_of(options.deployment) if options.deployment else running.newest_rollout()
    )
    host, deployment = _print_execution(running, arn, path, parts, prices)
    month = figures.rollouts_month(
        host, deployment, hosts=options.hosts, clusters=options.clusters, rollouts=options.rollouts_a_month
    )
    at_rest = counted(_agent(options), _measures(prices))
    if (largest := running.report_bytes()) > at_rest.report_bytes:
        units = at_rest.writes * math.ceil(largest / 1024)
        at_rest = dataclasses.replace(at_rest, report_bytes=largest, write_units=units)
    return [*figures.idle_month(_installation(options, parts, at_rest), prices), month]


def _agent(options: argparse.Namespace) -> AgentSettings:
    """Return the settings of an agent as install_agent.sh leaves them: the defaults."""
    cluster = Cluster("production", "hello")
    return AgentSettings("host", cluster, "10.0.0.1", 8080, Path(), metrics_always=options.metrics_always)


def _measures(prices: Prices) -> tuple[str, ...]:
    return tuple(f"metric {number}" for number in range(prices["assumed"]["measures"]))


def _print_execution(running: Running, arn: str, path: Rollout, parts: Priced, prices: Prices) -> tuple[Share, Share]:
    """Print the stages of one execution; return what one more host and a deployment cost."""
    found = figures.phases(invocations(running.history(arn), path), parts.memory)
    host = figures.host_share(found, path, prices)
    deployment = figures.deployment_share(found, path, prices)
    print(f"execution {arn}\n")
    _lines(report.stages(found, path, prices))
    print()
    _lines(report.shares(host, deployment))
    return host, deployment


def _installation(options: argparse.Namespace, parts: Priced, at_rest: Calls) -> Installation:
    return Installation(
        hosts=options.hosts,
        clusters=options.clusters,
        schedules=parts.schedules,
        memory=parts.memory,
        alarm_metrics=parts.alarm_metrics,
        dashboards=parts.dashboards,
        secrets=parts.secrets,
        keys=parts.keys,
        at_rest=at_rest,
        widgets=parts.widgets,
        widget_megabytes=parts.memory[_A_WIDGET],
        rollouts=options.rollouts_a_month,
        detailed_monitoring=options.detailed_monitoring,
    )


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.cost", description=__doc__)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--execution", metavar="ARN", help="the execution to count; by default the newest rollout")
    chosen.add_argument("--deployment", metavar="ID", help="the deployment whose execution to count")
    chosen.add_argument("--idle", action="store_true", help="only the month at rest; it needs no environment")
    parser.add_argument("--metrics-always", action="store_true", help="as if every host published metrics at rest")
    parser.add_argument("--detailed-monitoring", action="store_true", help="with EC2's detailed monitoring")
    positive, number = partial(_number, least=1), partial(_number, least=0)
    parser.add_argument("--hosts", type=positive, default=4, help="hosts of each cluster (default 4)")
    parser.add_argument("--clusters", type=positive, default=1, help="clusters of the installation (default 1)")
    parser.add_argument(
        "--rollouts-a-month", type=number, default=60, help="rollouts of one cluster in a month (default 60)"
    )
    return parser.parse_args()


def _number(text: str, *, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, found '{text}'")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
