"""What a look sees: the first minutes of a bake, each metric compared, and the requests that they are made of.

Used by domain/analysis/judge.py.
"""

from dataclasses import dataclass

from lifecycle.domain.analysis.comparison import Comparison
from lifecycle.domain.analysis.model import Measurements, Rules


@dataclass(frozen=True, slots=True)
class Window:
    """The first `minutes` of a bake; its requests are their part of all that were counted."""

    minutes: int
    comparisons: tuple[Comparison, ...]
    requests_control: float
    requests_test_bed: float

    @classmethod
    def of(cls, measurements: Measurements, minutes: int) -> "Window":
        """As much of a bake, or all where it is shorter."""
        minutes = max(0, min(minutes, measurements.minutes))
        part = minutes / measurements.minutes if minutes else 0.0
        requests = measurements.requests_control * part, measurements.requests_test_bed * part
        compared = tuple(Comparison.of(series, minutes, requests) for series in measurements.series)
        return cls(minutes, compared, *requests)

    def shortfall(self, rules: Rules) -> str | None:
        """What there is too little of to judge anything, or None."""
        if self.minutes < rules.minimum_minutes:
            return f"{self.minutes} of at least {rules.minimum_minutes} minutes were measured"
        return self.request_shortfall(rules) or (None if self.comparisons else "nothing is measured")

    def request_shortfall(self, rules: Rules) -> str | None:
        """The host that answered too few requests, or None."""
        for host, count in (("test bed", self.requests_test_bed), ("control", self.requests_control)):
            if count < rules.minimum_requests:
                return f"the {host} answered {count:,.0f} requests, at least {rules.minimum_requests:,} are needed"
        return None

    def p_worse(self, found: Comparison, rules: Rules) -> float:
        """The permutation's p; 1.0 where the degradation does not matter, however sure: that never fails."""
        if not _enough(found, rules) or found.estimate < max(
            found.to_degradation(found.measure.minimum_effect), 0.0
        ):
            return 1.0
        return found.p_worse()

    def rules_out(self, found: Comparison, rules: Rules) -> bool:
        """Whether the degradation that a PASS must rule out is ruled out, in minutes enough."""
        return _enough(found, rules) and found.rules_out(found.measure.non_inferiority_margin)


def _enough(found: Comparison, rules: Rules) -> bool:
    return len(found.degradations) >= max(1, rules.minimum_minutes)
