"""What the judge finds: shares of FAIL, INCONCLUSIVE and PASS for real degradations, at many rates and lengths."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lifecycle.domain.judge import judge, obvious
from lifecycle.domain.verdicts import Rules, Verdict
from tests.judge_study.alike import first
from tests.judge_study.hosts import Degradation, Traffic, bake

DEGRADATIONS = (
    Degradation("none"),
    Degradation("errors 0.1 % to 1 %", test_bed_errors=0.01),
    Degradation("errors 0 % to 3 %", control_errors=0.0, test_bed_errors=0.03),
    Degradation("p99 + 20 %", p99=1.2),
    Degradation("p50 + 20 %", p50=1.2),
    Degradation("leak: latency grows to + 50 %", leak=1.5),
    Degradation("errors 0.1 % to 50 %", test_bed_errors=0.5),
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
        early = (m for m in range(1, traffic.minutes) if obvious(first(baked, m), rules))
        soonest = next(early, traffic.minutes)
        judgement = judge(baked, rules)
        verdict = Verdict.FAIL if soonest < traffic.minutes else judgement.verdict
        verdicts[verdict] += 1
        if verdict is Verdict.FAIL:
            failed_after.append(min(soonest, judgement.minutes))
    return Found(verdicts, float(np.median(failed_after)) if failed_after else None)
