"""Speed of the judge: the time of one judgement on ten metrics of sixty minutes."""

import time
from dataclasses import replace

import numpy as np

from lifecycle.domain.analysis.judge import judge
from lifecycle.domain.analysis.model import Measurements, Rules
from tools.judge_study.hosts import Degradation, Traffic, bake

METRICS, MINUTES, MILLISECONDS = 10, 60, 100


def ten_metrics() -> Measurements:
    """Return an error rate and nine latencies of two equal hosts."""
    random = np.random.default_rng(11)
    bakes = [bake(random, Traffic(20, MINUTES), Degradation("none")) for _ in range(METRICS)]
    series = [bakes[0].series[0], *(measured.series[1] for measured in bakes[1:])]
    named = (replace(s, measure=replace(s.measure, name=f"{s.measure.name} {n}")) for n, s in enumerate(series))
    return replace(bakes[0], series=tuple(named))


def milliseconds(times: int = 20) -> float:
    """Return the processor time of the fastest judgement."""
    measured, rules, taken = ten_metrics(), Rules(MINUTES), []
    for _ in range(times):
        began = time.thread_time()
        judge(measured, rules)
        taken.append(time.thread_time() - began)
    return min(taken) * 1000
