"""Rollouts and rollbacks under a steady load, compared with equally long stretches without any.

The stretches alternate, so that other work of the machine affects both.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from lifecycle.domain.rollout.deployment import Override
from tools.bench.cpu_pinning import pinned_cpus
from tools.bench.envoy import compared, counters
from tools.bench.laboratory import Laboratory, say
from tools.bench.load import QUICK, SLOW, SLOW_RATE, Load
from tools.bench.replies import Reply, Span, due_in, figures
from tools.bench.rounds import stage_spans
from tools.demo.traffic import milliseconds

LIMIT = 1.3
_STRETCH_SECONDS = 50.0
_SETTLE_SECONDS = 2.0
# A rolled-back version is quarantined; here it is deployed again and again.
_OVERRIDES = (Override.QUARANTINE,)


@dataclass(slots=True)
class Timeline:
    """The spans without and with rollouts, in seconds of time.monotonic(), and the deployments."""

    quiet: list[Span] = field(default_factory=list)
    rolling: list[Span] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)

    @property
    def rolled_seconds(self) -> float:
        return sum(ended - began for began, ended in self.rolling)


def under_load(lab: Laboratory, versions: tuple[str, str], rate: float, requests: int) -> dict[str, Any]:
    """Roll versions[1] out and back to versions[0] until so many requests were due meanwhile."""
    say(f"rollouts and rollbacks under {rate:.0f} requests per second, until {requests} requests were due meanwhile")
    timeline = Timeline()
    before = counters(lab.ports)
    with Load(lab.production.address, rate) as load, pinned_cpus(lab.layout, lab.production.hosts, load.pid):
        time.sleep(_SETTLE_SECONDS)
        while timeline.rolled_seconds * rate < requests:
            stretch = min(_STRETCH_SECONDS, requests / rate - timeline.rolled_seconds)
            began = time.monotonic()
            time.sleep(stretch)
            timeline.quiet.append((began, time.monotonic()))
            _roll_for(lab, versions, stretch, timeline)
            say(f"  {timeline.rolled_seconds * rate:.0f} requests, {len(timeline.deployments)} rollouts")
            time.sleep(_SETTLE_SECONDS)
    envoy = compared(before, counters(lab.ports), len(load.every))
    return {
        "rate": rate,
        "slow_rate": SLOW_RATE,
        **judged(load.replies, timeline, envoy),
        **_by_stage(lab, load, timeline),
    }


def judged(replies: dict[str, list[Reply]], timeline: Timeline, envoy: dict[str, Any]) -> dict[str, Any]:
    """Compare the rollouts with the baseline, except for the slow requests, which take a second each."""
    baseline, rollouts = _part(replies, timeline.quiet), _part(replies, timeline.rolling)
    before, during = (each["requests"]["latency_ms"].get("p99", 0.0) for each in (baseline, rollouts))
    ratio = during / before if before else float("inf")
    every = [each for kind in replies.values() for each in kind]
    return {
        "failed": sum(bool(each.failure) for each in every),
        "rollouts": len(timeline.deployments),
        "seconds_a_rollout": round(timeline.rolled_seconds / max(len(timeline.deployments), 1), 2),
        "p99_ratio": round(ratio, 3),
        "p99_within_1.3": ratio <= LIMIT,
        "baseline": baseline,
        "during_rollouts": rollouts,
        "envoy": envoy,
    }


def _part(replies: dict[str, list[Reply]], spans: list[Span]) -> dict[str, Any]:
    return {
        "seconds": round(sum(ended - began for began, ended in spans), 1),
        "requests": figures(due_in(replies[QUICK], spans)),
        "slow_requests": figures(due_in(replies[SLOW], spans)),
    }


def p99_by_stage(found: list[Reply], stages: list[tuple[str, float, float]]) -> dict[str, dict[str, float]]:
    """Return count and p99 in milliseconds of the answered requests that were due in each stage."""
    names = dict.fromkeys(name for name, _, _ in stages)
    spans = {name: [(began, ended) for each, began, ended in stages if each == name] for name in names}
    due = {name: [each for each in due_in(found, spans[name]) if each.status] for name in names}
    return {
        name: {"requests": len(some), "p99_ms": milliseconds(each.ended - each.due for each in some)["p99"]}
        for name, some in due.items()
        if some
    }


def _roll_for(lab: Laboratory, versions: tuple[str, str], seconds: float, timeline: Timeline) -> None:
    """Do rollouts with their rollbacks until `seconds` have passed; the last pair is finished."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        rollout = lab.roll(versions[1], overrides=_OVERRIDES)
        middle = time.monotonic()
        rollback = lab.roll(versions[0], rollback_of=rollout.id)
        timeline.rolling += [(began, middle), (middle, time.monotonic())]
        timeline.deployments += [rollout.id, rollback.id]


def _by_stage(lab: Laboratory, load: Load, timeline: Timeline) -> dict[str, Any]:
    offset = time.time() - time.monotonic()
    stages = [span for name in timeline.deployments for span in stage_spans(lab.history(name), offset)]
    return {"p99_by_stage": p99_by_stage(load.replies[QUICK], stages)}
