"""For how much longer to bake: an estimate that should come true."""

from dataclasses import replace

import numpy as np
import pytest

from lifecycle.domain.analysis.built_in_metrics import LATENCY_P50
from lifecycle.domain.analysis.judge import judge
from lifecycle.domain.analysis.model import Measurements, Rules, Verdict
from tests.unit.analysis.bakes import QUEUE, measurements, series, usual

MINUTES = 20


def noisy(seed: int, minutes: int, worse: float) -> Measurements:
    noise = np.random.default_rng(seed).normal(0, 0.35, (2, minutes))
    control, test_bed = np.exp(noise[0]), np.exp(noise[1]) * worse
    return measurements(series(LATENCY_P50, control.tolist(), test_bed.tolist()))


@pytest.mark.parametrize("worse", [1.0, 1.5])
def test_after_that_many_more_minutes_there_mostly_is_a_verdict(worse: float) -> None:
    asked = told = 0
    for seed in range(40):
        first = judge(noisy(seed, MINUTES, worse), Rules(MINUTES))
        if first.verdict is not Verdict.INCONCLUSIVE or first.more_minutes is None:
            continue
        asked += 1
        longer = MINUTES + first.more_minutes
        told += judge(noisy(seed + 1000, longer, worse), Rules(longer), 1).verdict is not Verdict.INCONCLUSIVE
    assert asked >= 5
    assert told >= 0.5 * asked


def test_requests_that_are_too_few_are_waited_for() -> None:
    half = replace(usual(30), requests_control=150, requests_test_bed=150)
    judged = judge(half, Rules(30))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.more_minutes is not None
    assert 25 <= judged.more_minutes <= 40


def test_what_lies_at_the_limit_would_take_for_ever() -> None:
    stuck = measurements(series(replace(QUEUE, minimum_effect=9.0), [0.0, 2.0] * 15, [5.0, 7.0] * 15))
    judged = judge(stuck, Rules(30))
    assert (judged.verdict, judged.more_minutes) == (Verdict.INCONCLUSIVE, None)
    assert judged.sentence.endswith("how much longer it would take cannot be told")


def test_no_requests_at_all_tell_nothing() -> None:
    none = replace(usual(30), requests_control=0, requests_test_bed=0)
    assert judge(none, Rules(30)).more_minutes is None
