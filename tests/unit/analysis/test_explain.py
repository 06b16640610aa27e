"""The sentences that an operator reads."""

import pytest

from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE, LATENCY_P99
from lifecycle.domain.analysis.explain import explain_metric
from lifecycle.domain.analysis.model import Measure, MetricResult, Verdict
from tests.unit.analysis.bakes import QUEUE, SERVED

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def result(
    verdict: Verdict, control: float, test_bed: float, effect: float, low: float | None, high: float | None
) -> MetricResult:
    return MetricResult("", verdict, "", effect, low, high, 0.01, control, test_bed)


@pytest.mark.parametrize(
    ("measure", "metric", "sentence"),
    [
        (
            ERROR_RATE,
            result(FAIL, 0.0, 0.031, 0.031, 0.019, 0.042),
            (
                "error rate of 3.1 % against 0 % on the control, over 24 minutes: 3.1 points worse, "
                "between 1.9 and 4.2 points; FAIL"
            ),
        ),
        (
            LATENCY_P99,
            result(INCONCLUSIVE, 0.120, 0.143, 0.19, -0.02, 0.31),
            (
                "latency p99 of 143 ms against 120 ms on the control, over 24 minutes: 19 % worse, "
                "between 2 % better and 31 % worse; 25 % worse is not ruled out; INCONCLUSIVE"
            ),
        ),
        (
            LATENCY_P99,
            result(PASS, 1.5, 1.2, -0.2, -0.25, -0.15),
            (
                "latency p99 of 1.2 s against 1.5 s on the control, over 24 minutes: 20 % better, "
                "between 15 and 25 %; PASS"
            ),
        ),
        (
            QUEUE,
            result(INCONCLUSIVE, 1234.0, 1236.5, 2.5, None, None),
            (
                "queue length of 1,236 jobs against 1,234 jobs on the control, over 24 minutes: 2.5 jobs worse, "
                "too few minutes for bounds; 5 jobs worse is not ruled out; INCONCLUSIVE"
            ),
        ),
        (
            SERVED,
            result(PASS, 100.0, 100.0, 0.0, -0.004, 0.012),
            (
                "greetings of 100 a minute against 100 a minute on the control, over 24 minutes: no worse, "
                "between 0.4 % better and 1.2 % worse; PASS"
            ),
        ),
    ],
)
def test_metric_is_explained_in_one_sentence(measure: Measure, metric: MetricResult, sentence: str) -> None:
    assert explain_metric(measure, metric, 24) == sentence
