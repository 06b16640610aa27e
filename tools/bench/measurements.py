"""The measurements of `make run`, of each host, under traffic, and the control.

Each returns plain JSON values.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from apps.local.aws import assembly
from lifecycle.domain.rollout.deployment import Deployment
from tools.bench import processes
from tools.bench.envoy import compared, counters
from tools.bench.figures import by_name, summary
from tools.bench.laboratory import Laboratory, say
from tools.bench.load import QUICK, SLOW, Load
from tools.bench.replies import figures
from tools.bench.rounds import Round, rounds, wall
from tools.bench.without_lifecycle import own_times, restart_registered

RATE = 200.0
_SETTLE_SECONDS = 2.0
T = TypeVar("T")


def make_run(lab: Laboratory, *, synthesis: bool) -> dict[str, Any]:
    """Time `make run`, and a second one until it pushes; with `synthesis`, also a CDK synthesis."""
    lab.run_demo()
    phases, steps = dict(lab.demo.seconds), dict(lab.demo.progress.times)
    began = time.monotonic()
    lab.run_again()
    again = time.monotonic() - began
    if synthesis:
        say("synthesising the CDK app, as the first run in a checkout does")
    return {
        "total_seconds": round(sum(phases.values()), 1),
        "phases": phases,
        "steps": steps,
        "second_run_until_push_seconds": round(again, 2),
        "synthesis_seconds": round(_synthesis(), 1) if synthesis else None,
        "synthesis_was_kept_from_before": steps.get("synthesise the CDK app", 0.0) < 1.0,
    }


def _synthesis() -> float:
    with tempfile.TemporaryDirectory() as output:
        began = time.monotonic()
        assembly.run_app(Path(output), {})
        return time.monotonic() - began


def per_host(lab: Laboratory, versions: tuple[str, str], times: int) -> dict[str, Any]:
    """Time rollouts between two versions without traffic, and the service's own steps without Lifecycle."""
    host = lab.production.hosts[0]
    found: list[Round] = []
    own: list[dict[str, float]] = []
    attempts: list[float] = []
    costs: list[dict[str, float]] = []
    for number in range(times):
        version = versions[number % 2]
        say(f"rollout {number + 1} of {times}: {version}")
        before = processes.used(lab.layout)
        deployment = lab.roll(version)
        cost = processes.spent(before, processes.used(lab.layout))
        found += rounds(lab.history(deployment.id))
        attempts += _attempts(lab, deployment)
        costs.append({name: seconds / len(deployment.hosts) for name, seconds in cost.items()})
        own += own_times(lab.layout, host, version, len(deployment.hosts))
    return _figures_per_host(found, own, attempts, costs)


def _figures_per_host(
    found: list[Round], own: list[dict[str, float]], attempts: list[float], costs: list[dict[str, float]]
) -> dict[str, Any]:
    service = summary(sum(each.values()) for each in own)
    return {
        "orchestration_seconds": summary(wall(each) - service["median"] for each in found),
        "wall_seconds": summary(wall(each) for each in found),
        "attempt_seconds": summary(attempts),
        "service_own_seconds": service,
        "service_own_steps": by_name(own),
        "stages": by_name(found),
        "cpu_seconds": by_name(costs),
    }


def _attempts(lab: Laboratory, deployment: Deployment) -> list[float]:
    """Return the seconds of each attempt, as the ledger has them: a round without NextStep."""
    return [
        (each.finished_at - each.started_at).total_seconds()
        for each in lab.connection().context.deployments.attempts(deployment.id)
        if each.finished_at
    ]


def under_traffic(lab: Laboratory, do: Callable[[], T]) -> tuple[T, dict[str, Any]]:
    """Call `do` under RATE requests per second, and 2 per second that take a second each."""
    before = counters(lab.ports)
    with Load(lab.production.address, RATE) as load:
        time.sleep(_SETTLE_SECONDS)
        began = time.monotonic()
        result = do()
        seconds = time.monotonic() - began
        time.sleep(_SETTLE_SECONDS)
    latencies = {"requests": figures(load.replies[QUICK]), "slow_requests": figures(load.replies[SLOW])}
    envoy = compared(before, counters(lab.ports), len(load.every))
    return result, {"seconds": round(seconds, 2), "failed": load.failed, **latencies, "envoy": envoy}


def traffic(lab: Laboratory, now: str, other: str) -> dict[str, Any]:
    """Measure a rollout from `now` to `other` and its rollback, both under traffic."""
    say(f"rollout under {RATE:.0f} requests per second: {other}")
    deployment, rollout = under_traffic(lab, lambda: lab.roll(other))
    say(f"rollback under {RATE:.0f} requests per second: {now}")
    _, rollback = under_traffic(lab, lambda: lab.roll(now, rollback_of=deployment.id))
    return {"rollout": rollout, "rollback": rollback}


def control(lab: Laboratory, version: str) -> dict[str, Any]:
    """Measure the control: restart the hosts one after the other while they stay registered."""
    say("the control: restarts without a drain")
    cluster = lab.production

    def restart() -> Any:
        with restart_registered(lab.layout, cluster.hosts, version) as seconds:
            time.sleep(_SETTLE_SECONDS)
            return seconds

    per_host_seconds, found = under_traffic(lab, restart)
    return {**found, "host_seconds": per_host_seconds}
