"""The study's promises at a small scale, so that a broken one is noticed before the study runs."""

import numpy as np
import pytest

from lifecycle.domain.analysis.model import Verdict
from tools.judge_study.equal_hosts import ALPHA, CASES, EqualHosts
from tools.judge_study.hosts import LATENCIES, MIDDLE, Degradation, Traffic, autocorrelated
from tools.judge_study.power import verdicts
from tools.judge_study.speed import MILLISECONDS, milliseconds

RUNS = 300
# Three standard errors: the margin for chance above a rate of alpha.
CHANCE = 3 * (ALPHA * (1 - ALPHA) / RUNS) ** 0.5


@pytest.mark.parametrize("case", [case for case in CASES if not case.extensions], ids=lambda case: case.name)
def test_equal_hosts_fail_no_more_often_than_alpha(case: EqualHosts) -> None:
    alarms = sum(case.fails(np.random.default_rng([3, run])) for run in range(RUNS))
    assert alarms / RUNS <= ALPHA + CHANCE


@pytest.mark.parametrize(
    ("worse", "traffic", "verdict", "least"),
    [
        (Degradation("none"), Traffic(20, 30), Verdict.PASS, 0.85),
        (Degradation("errors", test_bed_errors=0.01), Traffic(5, 30), Verdict.FAIL, 0.9),
        (Degradation("p50", p50=1.2), Traffic(20, 30), Verdict.FAIL, 0.75),
        (Degradation("outage", test_bed_errors=0.5), Traffic(5, 10), Verdict.FAIL, 1.0),
        (Degradation("none", 0.0, 0.0), Traffic(12, 40, 1), Verdict.PASS, 0.85),
        (Degradation("3 %", 0.0, 0.03), Traffic(12, 40, 1), Verdict.FAIL, 0.85),
    ],
    ids=lambda value: value.name if isinstance(value, Degradation) else None,
)
def test_real_degradations_are_found_and_good_versions_pass(
    worse: Degradation, traffic: Traffic, verdict: Verdict, least: float
) -> None:
    assert verdicts(worse, traffic, runs=40, seed=1).rate(verdict) >= least


def test_an_outage_is_found_within_minutes() -> None:
    minutes = verdicts(Degradation("outage", test_bed_errors=0.5), Traffic(20, 30), runs=5, seed=2).minutes
    assert minutes is not None
    assert minutes <= 5


def test_ten_metrics_of_an_hour_are_judged_in_the_promised_time() -> None:
    assert milliseconds(5) < 5 * MILLISECONDS


def test_simulated_latencies_have_the_intended_quantiles() -> None:
    half, most = LATENCIES.quantiles(np.array([0.5, 0.99]))
    assert half == pytest.approx(MIDDLE, rel=0.01)
    assert most == pytest.approx(MIDDLE * np.exp(0.3 * 2.4), rel=0.1)


def test_simulated_minutes_have_the_intended_autocorrelation() -> None:
    drawn = autocorrelated(np.random.default_rng(1), 20_000, 0.6)
    assert np.corrcoef(drawn[1:], drawn[:-1])[0, 1] == pytest.approx(0.6, abs=0.03)
    assert drawn.std() == pytest.approx(1.0, abs=0.05)
