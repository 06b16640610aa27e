"""Verdicts of the judge, and properties that hold for any bake."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.analysis.built_in_metrics import BUILT_IN, ERROR_RATE, LATENCY_P50, LATENCY_P99
from lifecycle.domain.analysis.judge import find_failure, judge
from lifecycle.domain.analysis.model import Judgement, Measure, Measurements, Rules, Series, Verdict
from tests.unit.analysis.bakes import QUEUE, SERVED, measurements, series, usual, wobbling

RULES = Rules(planned_minutes=30)
# The test bed is worse in most minutes, but not in all.
MIXED = series(LATENCY_P50, [1.0, 1.2] * 10, [1.3, 1.22, 1.25, 1.1] * 5)

values = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 10))
measures = st.sampled_from([*BUILT_IN, QUEUE, SERVED])


def test_equally_good_version_passes() -> None:
    judged = judge(usual(30), RULES)
    assert judged.verdict is Verdict.PASS
    assert judged.sentence == (
        "as good as the control over 30 minutes: error rate at most 0.0031 points worse; "
        "latency p50 at most 1.3 % worse; latency p99 at most 1.3 % worse"
    )
    assert {found.verdict for found in judged.metrics} == {Verdict.PASS}
    assert judged.more_minutes is None


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        ("error rate", usual(30, errors=0.03)),
        ("latency p50", usual(30, p50=1.3)),
        ("latency p99", usual(30, p99=1.3)),
    ],
)
def test_worse_version_fails_and_the_sentence_names_the_metric(name: str, worse: Measurements) -> None:
    judged = judge(worse, RULES)
    assert judged.verdict is Verdict.FAIL
    assert judged.sentence.startswith(f"{name} of ")
    assert judged.sentence.endswith("; FAIL")
    assert [found.name for found in judged.metrics if found.verdict is Verdict.FAIL] == [name]


def test_better_version_passes() -> None:
    assert judge(usual(30, p50=0.5, p99=0.5), RULES).verdict is Verdict.PASS


def test_significant_degradation_below_the_minimum_effect_does_not_fail() -> None:
    judged = judge(usual(30, p50=1.06), RULES)
    found = judged.metrics[1]
    assert found.p is not None
    assert found.p < 0.001
    assert judged.verdict is Verdict.PASS


def test_metric_that_should_be_high_fails_when_it_is_low() -> None:
    less = measurements(series(SERVED, wobbling(100, 30), wobbling(70, 30, 3)))
    judged = judge(less, RULES)
    assert judged.verdict is Verdict.FAIL
    assert judged.metrics[0].effect == pytest.approx(0.3, abs=0.01)
    assert judge(measurements(series(SERVED, wobbling(70, 30), wobbling(100, 30, 3))), RULES).verdict is Verdict.PASS


def test_half_of_the_requests_failing_stops_before_the_minimum_of_minutes() -> None:
    bad = replace(usual(4, errors=0.5), requests_control=2000, requests_test_bed=2000)
    judged = judge(bad, RULES)
    assert (judged.verdict, judged.minutes) == (Verdict.FAIL, 4)


def test_only_early_stopping_fails_between_interim_analyses() -> None:
    slow = usual(14, p50=1.5)
    judged = judge(slow, RULES)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.sentence == "14 of 30 minutes: nothing has failed so far"
    assert judged.more_minutes == 16
    assert judge(usual(15, p50=1.5), RULES).verdict is Verdict.FAIL


def test_later_check_reports_the_interim_analysis_that_failed() -> None:
    judged = judge(usual(22, p50=1.5), RULES)
    assert (judged.verdict, judged.minutes) == (Verdict.FAIL, 15)
    assert "over 15 minutes" in judged.sentence


def test_no_bake_passes_before_the_end() -> None:
    assert judge(usual(29), RULES).verdict is Verdict.INCONCLUSIVE


def test_minutes_after_the_planned_end_are_ignored() -> None:
    late = [*wobbling(0.02, 30), *[9.0] * 20]
    judged = judge(measurements(series(LATENCY_P50, wobbling(0.02, 50), late)), RULES)
    assert (judged.verdict, judged.minutes) == (Verdict.PASS, 30)


@pytest.mark.parametrize("worse", [1.0, 5.0])
def test_too_few_minutes_are_inconclusive(worse: float) -> None:
    judged = judge(usual(9, p50=worse), Rules(9))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.sentence == (
        "too little to judge: 9 of at least 10 minutes were measured; it would take about 1 minute more"
    )


@pytest.mark.parametrize(("control", "test_bed", "host"), [(5000, 42, "test bed"), (42, 5000, "control")])
def test_too_few_requests_are_inconclusive(control: int, test_bed: int, host: str) -> None:
    few = replace(usual(30, errors=0.9), requests_control=control, requests_test_bed=test_bed)
    judged = judge(few, RULES)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert f"the {host} answered 42 requests, at least 100 are needed" in judged.sentence
    assert judged.more_minutes == 42


def test_few_requests_without_an_error_rule_out_little() -> None:
    judged = judge(replace(usual(30), requests_control=200, requests_test_bed=200), RULES)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.metrics[0].verdict is Verdict.INCONCLUSIVE
    assert judged.metrics[0].high == pytest.approx(3 / 200, rel=0.05)


def test_metric_without_data_never_passes() -> None:
    missing = measurements(*usual(30).series, series(QUEUE, [None] * 30, [1.0] * 30))
    judged = judge(missing, RULES)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.metrics[-1].sentence == "queue length: no minute has a value from both hosts; INCONCLUSIVE"
    assert judged.metrics[-1].effect is None


def test_minutes_without_a_value_are_left_out() -> None:
    holes = [None if minute % 5 == 0 else value for minute, value in enumerate(wobbling(0.02, 30))]
    judged = judge(measurements(series(LATENCY_P50, holes, wobbling(0.03, 30))), RULES)
    assert judged.verdict is Verdict.FAIL


def test_bake_without_metrics_is_inconclusive() -> None:
    judged = judge(Measurements((), 30, 5000, 5000), RULES)
    assert (judged.verdict, judged.metrics) == (Verdict.INCONCLUSIVE, ())
    assert judge(Measurements((), 0, 0, 0), RULES).verdict is Verdict.INCONCLUSIVE


def test_extension_has_less_alpha() -> None:
    mixed = measurements(MIXED)
    p = judge(mixed, Rules(20), extensions=9).metrics[0].p
    assert p is not None
    enough, too_little = Rules(20, alpha=p * 17), Rules(20, alpha=p * 15)
    assert find_failure(mixed, enough, extensions=1)
    assert not find_failure(mixed, too_little, extensions=1)


def test_ten_metrics_do_not_fail_more_easily() -> None:
    """A p-value that is significant alone is not significant as the smallest of ten."""
    calm = series(LATENCY_P99, [1.0] * 20, [1.0] * 20)
    others = [replace(calm, measure=replace(LATENCY_P99, name=f"other {n}")) for n in range(9)]
    p = judge(measurements(MIXED), Rules(20), extensions=9).metrics[0].p
    assert p is not None
    rules = Rules(20, alpha=p * 20)
    assert find_failure(measurements(MIXED), rules, extensions=1)
    assert not find_failure(measurements(MIXED, *others), rules, extensions=1)


@st.composite
def any_bake(draw: st.DrawFn) -> Measurements:
    minutes = draw(st.integers(0, 25))
    side = st.lists(values, min_size=minutes, max_size=minutes).map(tuple)
    drawn = draw(st.lists(st.builds(Series, measures, side, side), max_size=3))
    requests = st.integers(0, 10**6)
    return Measurements(tuple(drawn), minutes, draw(requests), draw(requests))


@given(any_bake(), st.integers(1, 30), st.integers(0, 20), st.integers(0, 3))
def test_any_bake_is_judged(bake: Measurements, planned: int, minimum: int, extensions: int) -> None:
    judged = judge(bake, Rules(planned, minimum_minutes=minimum), extensions)
    assert judged.sentence
    for found in judged.metrics:
        numbers = (found.effect, found.low, found.high, found.p)
        assert all(number is None or math.isfinite(number) for number in numbers)


@given(st.lists(st.floats(0.001, 10), min_size=10, max_size=40), st.sampled_from([*BUILT_IN, QUEUE, SERVED]))
def test_equal_hosts_never_fail(numbers: list[float], measure: Measure) -> None:
    same = measurements(series(measure, numbers, numbers))
    assert judge(same, Rules(len(numbers))).verdict is not Verdict.FAIL


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=10, max_size=25), st.integers(-8, 8))
def test_ratio_does_not_depend_on_the_unit(pairs: list[tuple[float, float]], power: int) -> None:
    def judged(times: float) -> Judgement:
        control, test_bed = ([times * value for value in side] for side in zip(*pairs, strict=True))
        return judge(measurements(series(SERVED, control, test_bed)), Rules(len(pairs)))

    once, often = judged(1.0), judged(2.0**power)
    assert (once.verdict, once.metrics[0].p) == (often.verdict, often.metrics[0].p)
    assert once.metrics[0].effect == pytest.approx(often.metrics[0].effect, abs=1e-9)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=10, max_size=25))
def test_swapped_hosts_reverse_the_degradation(pairs: list[tuple[float, float]]) -> None:
    control, test_bed = zip(*pairs, strict=True)
    rules = Rules(len(pairs))
    there = judge(measurements(series(QUEUE, control, test_bed)), rules).metrics[0]
    back = judge(measurements(series(QUEUE, test_bed, control)), rules).metrics[0]
    assert there.effect == pytest.approx(-(back.effect or 0.0))
    assert (there.p or 0) + (back.p or 0) >= 1.0


@given(st.floats(1.0, 3.0), st.floats(1.0, 3.0))
def test_larger_degradation_has_no_milder_verdict(one: float, other: float) -> None:
    order = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]
    milder, worse = (order.index(judge(usual(30, p50=by), RULES).verdict) for by in sorted((one, other)))
    assert milder <= worse


def test_same_minutes_have_the_same_verdict() -> None:
    assert judge(usual(30, errors=0.01), RULES) == judge(usual(30, errors=0.01), RULES)


def test_built_in_margins_exceed_the_minimum_effects() -> None:
    assert {measure.name for measure in BUILT_IN} == {"error rate", "latency p50", "latency p99"}
    assert all(0 < measure.minimum_effect < measure.non_inferiority_margin for measure in BUILT_IN)
    assert ERROR_RATE.of_requests
