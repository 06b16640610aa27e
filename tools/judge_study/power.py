"""What the judge finds: shares of FAIL, INCONCLUSIVE and PASS for real degradations, at many rates and lengths."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lifecycle.domain.analysis.judge import find_early_failure, judge
from lifecycle.domain.analysis.model import Rules, Verdict
from lifecycle.domain.analysis.window import Window
from tools.judge_study.equal_hosts import first, of_requests
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
class Found:
    """How often each verdict was come to, and the median of the minutes after which a FAIL came."""

    verdicts: Counter[Verdict]
    minutes: float | None

    def share(self, verdict: Verdict) -> float:
        return self.verdicts[verdict] / self.verdicts.total()


def found(worse: Degradation, traffic: Traffic, runs: int, seed: int) -> Found:
    """Judge so many bakes of one kind, looking once a minute."""
    verdicts: Counter[Verdict] = Counter()
    failed_after = []
    for run in range(runs):
        random = np.random.default_rng([seed, run])
        baked, rules = bake(random, traffic, worse), Rules(traffic.minutes)
        errors = of_requests(baked)
        early = (m for m in range(1, traffic.minutes) if find_early_failure(first(errors, m), rules))
        soonest = next(early, traffic.minutes)
        judgement = judge(baked, rules)
        verdict = Verdict.FAIL if soonest < traffic.minutes else judgement.verdict
        verdicts[verdict] += 1
        if verdict is Verdict.FAIL:
            failed_after.append(min(soonest, judgement.minutes))
    return Found(verdicts, float(np.median(failed_after)) if failed_after else None)


def ruled_out(worse: Degradation, metric: str, traffic: Traffic, runs: int, seed: int) -> float:
    """How often exactly the degradation that a PASS must rule out is ruled out, which is wrong each time."""
    wrong = 0
    for run in range(runs):
        seen = Window.of(bake(np.random.default_rng([seed, run]), traffic, worse), traffic.minutes)
        found = next(each for each in seen.comparisons if each.measure.name == metric)
        wrong += seen.rules_out(found, Rules(traffic.minutes))
    return wrong / runs
