"""Power of the judge: the rates of FAIL, INCONCLUSIVE and PASS for known degradations."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lifecycle.domain.analysis.judge import find_early_failure, judge
from lifecycle.domain.analysis.model import Rules, Verdict
from lifecycle.domain.analysis.window import Window
from tools.judge_study.equal_hosts import first, proportions_only
from tools.judge_study.hosts import Degradation, Traffic, bake

DEGRADATIONS = (
    Degradation("none"),
    Degradation("errors 0.1 % to 1 %", test_bed_errors=0.01),
    Degradation("errors 0 % to 3 %", control_errors=0.0, test_bed_errors=0.03),
    Degradation("p99 + 20 %", p99=1.2),
    Degradation("p50 + 20 %", p50=1.2),
    Degradation("leak: latency grows to + 50 %", leak=1.5),
    Degradation("errors 0.1 % to 50 %", test_bed_errors=0.5),
)
AT_THE_LIMIT = (
    (Degradation("errors 0.1 % to 1.1 %", test_bed_errors=0.011), "error rate"),
    (Degradation("p50 + 20 %", p50=1.2), "latency p50"),
    (Degradation("p99 + 25 %", p99=1.25), "latency p99"),
)
RATES = (1, 5, 20, 100, 500)
MINUTES = (10, 30, 60)


@dataclass(frozen=True)
class Verdicts:
    """The number of bakes for each verdict, and the median of the minutes until a FAIL."""

    counts: Counter[Verdict]
    minutes: float | None

    def rate(self, verdict: Verdict) -> float:
        return self.counts[verdict] / self.counts.total()


def verdicts(worse: Degradation, traffic: Traffic, runs: int, seed: int) -> Verdicts:
    """Judge `runs` bakes of one kind, and check each once a minute."""
    counts: Counter[Verdict] = Counter()
    failed_after = []
    for run in range(runs):
        random = np.random.default_rng([seed, run])
        measured, rules = bake(random, traffic, worse), Rules(traffic.minutes)
        errors = proportions_only(measured)
        early = (m for m in range(1, traffic.minutes) if find_early_failure(first(errors, m), rules))
        soonest = next(early, traffic.minutes)
        judgement = judge(measured, rules)
        verdict = Verdict.FAIL if soonest < traffic.minutes else judgement.verdict
        counts[verdict] += 1
        if verdict is Verdict.FAIL:
            failed_after.append(min(soonest, judgement.minutes))
    return Verdicts(counts, float(np.median(failed_after)) if failed_after else None)


def wrong_pass_rate(worse: Degradation, metric: str, traffic: Traffic, runs: int, seed: int) -> float:
    """Return how often a metric rules out a degradation that is exactly its margin, which is always wrong."""
    wrong = 0
    for run in range(runs):
        window = Window.of(bake(np.random.default_rng([seed, run]), traffic, worse), traffic.minutes)
        comparison = next(each for each in window.comparisons if each.measure.name == metric)
        wrong += window.rules_out(comparison, Rules(traffic.minutes))
    return wrong / runs
