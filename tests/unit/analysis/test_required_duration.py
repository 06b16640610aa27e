"""Required duration: after the estimated minutes there mostly is a verdict."""

from dataclasses import replace

import numpy as np
import pytest

from lifecycle.domain.analysis.built_in_metrics import LATENCY_P50
from lifecycle.domain.analysis.judge import judge
from lifecycle.domain.analysis.model import Measurements, Rules, Verdict
from lifecycle.domain.analysis.required_duration import LONGEST, required_duration
from lifecycle.domain.analysis.window import Window
from tests.unit.analysis.bakes import QUEUE, measurements, series, usual

MINUTES = 20


def noisy(seed: int, minutes: int, worse: float) -> Measurements:
    noise = np.random.default_rng(seed).normal(0, 0.35, (2, minutes))
    control, test_bed = np.exp(noise[0]), np.exp(noise[1]) * worse
    return measurements(series(LATENCY_P50, control.tolist(), test_bed.tolist()))


@pytest.mark.parametrize("worse", [1.0, 1.5])
def test_estimated_minutes_mostly_lead_to_a_verdict(worse: float) -> None:
    estimated = decided = 0
    for seed in range(40):
        first = judge(noisy(seed, MINUTES, worse), Rules(MINUTES))
        if first.verdict is not Verdict.INCONCLUSIVE or first.more_minutes is None:
            continue
        estimated += 1
        longer = MINUTES + first.more_minutes
        decided += judge(noisy(seed + 1000, longer, worse), Rules(longer), 1).verdict is not Verdict.INCONCLUSIVE
    assert estimated >= 5
    assert decided >= 0.5 * estimated


def test_estimate_waits_for_the_minimum_of_requests() -> None:
    half = replace(usual(30), requests_control=150, requests_test_bed=150)
    judged = judge(half, Rules(30))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.more_minutes is not None
    assert 25 <= judged.more_minutes <= 40


def test_effect_at_the_margin_has_no_estimate() -> None:
    stuck = measurements(series(replace(QUEUE, minimum_effect=9.0), [0.0, 2.0] * 15, [5.0, 7.0] * 15))
    judged = judge(stuck, Rules(30))
    assert (judged.verdict, judged.more_minutes) == (Verdict.INCONCLUSIVE, None)
    assert judged.sentence.endswith("how much longer it would take is unknown")


def test_bake_without_requests_has_no_estimate() -> None:
    none = replace(usual(30), requests_control=0, requests_test_bed=0)
    assert judge(none, Rules(30)).more_minutes is None


def test_estimate_of_exactly_the_minimum_of_minutes_comes_from_the_measurements() -> None:
    stuck = replace(QUEUE, minimum_effect=9.0)
    enough = measurements(series(stuck, [0.0, 2.0] * 5, [5.0, 7.0] * 5))
    rules = Rules(20, minimum_minutes=10)
    assert required_duration(Window.of(enough, 10), rules, 0) is None


@pytest.mark.parametrize(("minutes", "expected"), [(LONGEST // 2, LONGEST // 2), (LONGEST // 2 + 1, None)])
def test_estimate_of_a_whole_day_is_known_and_a_longer_one_is_not(minutes: int, expected: int | None) -> None:
    """Half of the requests so far means that the bake must be twice as long."""
    half = replace(usual(30), requests_control=150, requests_test_bed=150)
    window = replace(Window.of(half, 30), minutes=minutes)
    assert required_duration(window, Rules(30, minimum_requests=300), 0) == expected


def test_bake_of_a_whole_day_without_enough_requests_has_no_estimate() -> None:
    few = replace(usual(30), requests_control=2, requests_test_bed=2)
    window = replace(Window.of(few, 30), minutes=LONGEST)
    assert required_duration(window, Rules(30, minimum_requests=0), 0) is None
