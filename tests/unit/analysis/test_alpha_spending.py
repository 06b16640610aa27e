"""alpha is spent once: over interim analyses, extensions and metrics."""

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.analysis.alpha_spending import (
    InterimAnalysis,
    alpha_weights,
    early_stopping_alpha,
    holm_rejections,
    interim_analyses,
)
from lifecycle.domain.analysis.built_in_metrics import BUILT_IN, ERROR_RATE, LATENCY_P50
from lifecycle.domain.analysis.model import Rules


@given(st.integers(1, 1440), st.integers(0, 60), st.integers(0, 12))
def test_all_analyses_together_spend_at_most_alpha(planned: int, minimum: int, extensions: int) -> None:
    rules = Rules(planned, alpha=0.05, minimum_minutes=minimum)
    ends = [analysis.alpha for end in range(extensions + 1) for analysis in interim_analyses(rules, end)]
    early = sum(early_stopping_alpha(rules, minutes) for minutes in range(1, planned * (extensions + 1) + 1))
    assert sum(ends) + early <= 0.05 + 1e-12


def test_planned_analyses_are_half_way_and_at_the_end() -> None:
    assert interim_analyses(Rules(31, alpha=0.08), 0) == (
        InterimAnalysis(16, 0.01),
        InterimAnalysis(31, 0.05),
    )


def test_half_way_analysis_that_is_too_early_leaves_its_alpha_to_the_end() -> None:
    assert interim_analyses(Rules(18, alpha=0.08, minimum_minutes=10), 0) == (InterimAnalysis(18, 0.06),)


def test_extension_has_one_analysis_at_its_end() -> None:
    assert interim_analyses(Rules(60), 1) == (InterimAnalysis(60, 0.05 / 16),)
    assert interim_analyses(Rules(90), 2) == (InterimAnalysis(90, 0.05 / 32),)


def test_holm_rejections_equal_the_published_ones() -> None:
    # Wikipedia's example of Holm's method: at 0.05, H1 and H4 are rejected.
    assert holm_rejections([0.01, 0.04, 0.03, 0.005], [1.0] * 4, 0.05) == [True, False, False, True]


def test_larger_weight_is_rejected_sooner() -> None:
    assert holm_rejections([0.03, 0.5], [0.5, 0.5], 0.05) == [False, False]
    assert holm_rejections([0.03, 0.5], [0.7, 0.3], 0.05) == [True, False]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_all_that_bonferroni_does_and_nothing_beyond_alpha(
    each: list[tuple[float, float]], alpha: float
) -> None:
    p_values, weights = [p for p, _ in each], [weight for _, weight in each]
    found = holm_rejections(p_values, weights, alpha)
    for p, weight, rejected in zip(p_values, weights, found, strict=True):
        assert rejected or p > alpha * weight / sum(weights)
        assert not rejected or p <= alpha * (1 + 1e-9)


def test_errors_get_half_of_alpha() -> None:
    assert alpha_weights(BUILT_IN) == [0.5, 0.25, 0.25]
    assert alpha_weights([LATENCY_P50, LATENCY_P50]) == [1.0, 1.0]
    assert alpha_weights([ERROR_RATE]) == [1.0]
