"""Tables of the study, printed as in docs/test-bed-statistics.md.

Each function returns the promises that it checks.
"""

from dataclasses import dataclass
from multiprocessing.pool import Pool

import numpy as np

from lifecycle.domain.analysis.comparison import LEVEL
from lifecycle.domain.analysis.model import Verdict
from tools.judge_study.equal_hosts import ALPHA, CASES
from tools.judge_study.hosts import Degradation, Traffic
from tools.judge_study.power import AT_THE_LIMIT, DEGRADATIONS, MINUTES, RATES, Verdicts, verdicts, wrong_pass_rate
from tools.judge_study.speed import METRICS, MILLISECONDS, milliseconds
from tools.judge_study.speed import MINUTES as SPEED_MINUTES

CHUNK = 500
LAPTOP = (
    Degradation("none", control_errors=0.0, test_bed_errors=0.0),
    Degradation("errors 0 % to 3 %", control_errors=0.0, test_bed_errors=0.03),
)
SOME_RATES = (1, 20, 500)
LAPTOP_RATES, LAPTOP_SAMPLES = (12, 20), (20, 30, 40, 60)


@dataclass(frozen=True)
class Promise:
    """One condition on the figures, and whether it held."""

    text: str
    held: bool


def fails(case: int, first: int, runs: int) -> int:
    """Return the number of these bakes of equal hosts that fail."""
    return sum(CASES[case].fails(np.random.default_rng([7, case, run])) for run in range(first, first + runs))


def speed() -> Promise:
    """Measure how long one judgement takes."""
    taken = milliseconds()
    print(f"{METRICS} metrics of {SPEED_MINUTES} minutes are judged in {taken:.0f} ms")
    return Promise(f"{METRICS} metrics of {SPEED_MINUTES} minutes take under {MILLISECONDS} ms", taken < MILLISECONDS)


def false_alarms(pool: Pool, runs: int) -> list[Promise]:
    """Count how often the judge fails equal hosts."""
    print(f"\nFalse alarms over all interim analyses of {runs:,} bakes of equal hosts; alpha is {ALPHA:.0%}\n")
    print("| how the hosts' minutes differ | minutes | metrics | false alarms |\n| --- | --- | --- | --- |")
    tasks = [(case, first, min(CHUNK, runs - first)) for case in range(len(CASES)) for first in range(0, runs, CHUNK)]
    counts = pool.starmap(fails, tasks, chunksize=1)
    promises = []
    for number, case in enumerate(CASES):
        alarms = sum(n for (of, _, _), n in zip(tasks, counts, strict=True) if of == number)
        bakes = case.planned if not case.extensions else f"{case.planned} + {case.extensions} x {case.planned}"
        print(f"| {case.name} | {bakes} | {case.metrics} | {alarms / runs:.2%} |")
        promises.append(Promise(f"false alarms at most alpha: {case.name}", alarms <= ALPHA * runs))
    return promises


def power(pool: Pool, runs: int) -> list[Promise]:
    """Count how often the judge finds a degradation, and measure after how many minutes."""
    print(f"\nFAIL / INCONCLUSIVE / PASS in % of {runs} bakes, and the minutes after which half of the FAILs came\n")
    print("| degradation | minutes | " + " | ".join(f"{rate} requests/s" for rate in RATES) + " |")
    print("| --- " * (len(RATES) + 2) + "|")
    kinds = [(worse, minutes) for worse in DEGRADATIONS for minutes in MINUTES]
    tasks = [(worse, Traffic(rate, minutes), runs, 3) for worse, minutes in kinds for rate in RATES]
    cells = dict(zip(((w.name, t) for w, t, _, _ in tasks), pool.starmap(verdicts, tasks, chunksize=1), strict=True))
    for worse, minutes in kinds:
        row = (cells[worse.name, Traffic(rate, minutes)] for rate in RATES)
        print(f"| {worse.name} | {minutes} | " + " | ".join(map(_cell, row)) + " |")
    return [
        _promise(cells[name, Traffic(rate, minutes)], verdict, least, f"{name}, {rate} requests/s, {minutes} minutes")
        for name, rate, minutes, verdict, least in (
            ("none", 5, 30, Verdict.PASS, 0.9),
            ("none", 500, 30, Verdict.PASS, 0.9),
            ("errors 0.1 % to 1 %", 5, 30, Verdict.FAIL, 0.95),
            ("errors 0.1 % to 50 %", 5, 10, Verdict.FAIL, 0.99),
            ("p50 + 20 %", 20, 30, Verdict.FAIL, 0.8),
            ("p99 + 20 %", 20, 60, Verdict.FAIL, 0.95),
            ("leak: latency grows to + 50 %", 20, 60, Verdict.FAIL, 0.8),
        )
    ]


def wrong_passes(pool: Pool, runs: int) -> list[Promise]:
    """Count how often a metric passes whose degradation is exactly its non-inferiority margin."""
    print(f"\nWrong passes of {runs:,} bakes: the metric is exactly as bad as a PASS must rule out\n")
    print("| degradation | minutes | " + " | ".join(f"{rate} requests/s" for rate in SOME_RATES) + " |")
    print("| --- " * (len(SOME_RATES) + 2) + "|")
    kinds = [(worse, metric, minutes) for worse, metric in AT_THE_LIMIT for minutes in MINUTES]
    tasks = [(w, m, Traffic(rate, n), runs, 5) for w, m, n in kinds for rate in SOME_RATES]
    rates = pool.starmap(wrong_pass_rate, tasks, chunksize=1)
    promises = []
    for number, (worse, metric, minutes) in enumerate(kinds):
        row = rates[number * len(SOME_RATES) :][: len(SOME_RATES)]
        print(f"| {worse.name} | {minutes} | " + " | ".join(f"{rate:.1%}" for rate in row) + " |")
        most = LEVEL + 3 * (LEVEL * (1 - LEVEL) / runs) ** 0.5
        text = f"PASS in at most {LEVEL:.0%} and chance: {metric}, {worse.name}, {minutes} minutes"
        promises.append(Promise(text, max(row) <= most))
    return promises


def laptop(pool: Pool, runs: int) -> list[Promise]:
    """Repeat the power table with one sample per second."""
    print(f"\nThe same with one sample per second, as on a laptop: FAIL / INCONCLUSIVE / PASS in % of {runs} bakes\n")
    print("| degradation | requests/s | " + " | ".join(f"{n} samples" for n in LAPTOP_SAMPLES) + " |")
    print("| --- " * (len(LAPTOP_SAMPLES) + 2) + "|")
    kinds = [(worse, rate) for worse in LAPTOP for rate in LAPTOP_RATES]
    tasks = [(worse, Traffic(rate, n, 1), runs, 5) for worse, rate in kinds for n in LAPTOP_SAMPLES]
    cells = dict(zip(((w.name, t) for w, t, _, _ in tasks), pool.starmap(verdicts, tasks, chunksize=1), strict=True))
    for worse, rate in kinds:
        row = (cells[worse.name, Traffic(rate, n, 1)] for n in LAPTOP_SAMPLES)
        print(f"| {worse.name} | {rate} | " + " | ".join(map(_cell, row)) + " |")
    good, bad = cells[LAPTOP[0].name, Traffic(12, 60, 1)], cells[LAPTOP[1].name, Traffic(12, 60, 1)]
    return [
        _promise(good, Verdict.PASS, 0.9, "none, 12 requests/s, 60 samples of a second"),
        _promise(bad, Verdict.FAIL, 0.95, "errors 0 % to 3 %, 12 requests/s, 60 samples of a second"),
    ]


def _cell(each: Verdicts) -> str:
    rates = " / ".join(f"{100 * each.rate(v):.0f}" for v in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS))
    return f"{rates} ({each.minutes:.0f})" if each.minutes else rates


def _promise(each: Verdicts, verdict: Verdict, least: float, text: str) -> Promise:
    return Promise(f"{verdict} in at least {least:.0%}: {text}", each.rate(verdict) >= least)
