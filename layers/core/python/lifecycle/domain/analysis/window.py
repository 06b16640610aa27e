"""Window: the first minutes of a bake, with each metric compared and the requests of these minutes.

Used by domain/analysis/judge.py and domain/analysis/required_duration.py.
"""

from dataclasses import dataclass

from lifecycle.domain.analysis.comparison import Comparison
from lifecycle.domain.analysis.model import Measurements, Rules


@dataclass(frozen=True, slots=True)
class Window:
    """The first `minutes` of a bake. Its request counts are the same part of the bake's counts."""

    minutes: int
    comparisons: tuple[Comparison, ...]
    requests_control: float
    requests_test_bed: float

    @classmethod
    def of(cls, measurements: Measurements, minutes: int) -> "Window":
        """Return the window of the first `minutes`, or the whole bake if it is shorter."""
        minutes = max(0, min(minutes, measurements.minutes))
        part = minutes / measurements.minutes if minutes else 0.0
        requests = measurements.requests_control * part, measurements.requests_test_bed * part
        comparisons = tuple(Comparison.of(series, minutes, requests) for series in measurements.series)
        return cls(minutes, comparisons, *requests)

    def shortfall(self, rules: Rules) -> str | None:
        """Describe the data that is missing for any judgement, or return None."""
        if self.minutes < rules.minimum_minutes:
            return f"{self.minutes} of at least {rules.minimum_minutes} minutes were measured"
        return self.request_shortfall(rules) or (None if self.comparisons else "nothing is measured")

    def request_shortfall(self, rules: Rules) -> str | None:
        """Describe the host that answered too few requests, or return None."""
        for host, count in (("test bed", self.requests_test_bed), ("control", self.requests_control)):
            if count < rules.minimum_requests:
                return f"the {host} answered {count:,.0f} requests, at least {rules.minimum_requests:,} are needed"
        return None

    def p_worse(self, comparison: Comparison, rules: Rules) -> float:
        """Return the permutation test's p-value.

        Returns 1.0 if the minutes are too few, or if the effect is below the minimum.
        """
        threshold = max(comparison.to_degradation(comparison.measure.minimum_effect), 0.0)
        if not _enough(comparison, rules) or comparison.estimate < threshold:
            return 1.0
        return comparison.p_worse()

    def rules_out(self, comparison: Comparison, rules: Rules) -> bool:
        """Return whether enough minutes rule out the non-inferiority margin, as a PASS requires."""
        return _enough(comparison, rules) and comparison.rules_out(comparison.measure.non_inferiority_margin)


def _enough(comparison: Comparison, rules: Rules) -> bool:
    return len(comparison.degradations) >= max(1, rules.minimum_minutes)
