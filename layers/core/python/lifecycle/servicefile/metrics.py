"""`[[metrics]]` of a lifecycle.toml: the service's own metrics, which the judge of a test bed compares.

Used by model. Each becomes a `Measure` of the domain, which defines the thresholds.
"""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lifecycle.domain.analysis.model import Better, Measure, Scale
from lifecycle.servicefile.fields import Table, checked, expected

MAXIMUM_METRICS = 20
METRICS = f"a list of tables [[metrics]], at most {MAXIMUM_METRICS} of them"
NAMES = "metrics with different names"
_NAME = "a metric's name: 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter"
_UNIT = "a unit of at most 20 printable characters"
_RATIO = {"matters": 0.1, "excludes": 0.25}
_POSITIVE = "a number above 0: a fraction such as 0.1 for a ratio, or a difference in the metric's own unit"

Name = Annotated[str, checked(re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}").fullmatch, _NAME)]
Unit = Annotated[str, checked(lambda text: len(text) <= 20 and text.isprintable(), _UNIT)]


class MetricTable(Table):
    """One `[[metrics]]`: a number in the JSON of the service's metrics path."""

    name: Name = Field(description=_NAME)
    better: Literal["lower", "higher"] = Field(description='"lower" or "higher"')
    compare: Literal["ratio", "difference"] = Field(default="ratio", description='"ratio" or "difference"')
    matters: float | None = Field(None, strict=True, gt=0, le=1e12, description=_POSITIVE)
    excludes: float | None = Field(None, strict=True, gt=0, le=1e12, description=_POSITIVE)
    unit: Unit = Field(default="", description=_UNIT)

    @model_validator(mode="after")
    def _thresholds(self) -> "MetricTable":
        if self.compare == "difference" and (self.matters is None or self.excludes is None):
            what = 'matters and excludes, in the metric\'s own unit, beside compare = "difference"'
            raise expected(what, found="nothing")
        measure = self.to_measure()
        if measure.non_inferiority_margin < measure.minimum_effect:
            what = f"excludes to be at least matters, which is {measure.minimum_effect:g}"
            raise expected(what, found=f"{measure.non_inferiority_margin:g}")
        return self

    def to_measure(self) -> Measure:
        """Return the judge's measure. Thresholds of a ratio have defaults; those of a difference do not."""
        return Measure(
            name=self.name,
            better=Better(self.better),
            scale=Scale(self.compare),
            minimum_effect=self.matters or _RATIO["matters"],
            non_inferiority_margin=self.excludes or _RATIO["excludes"],
            unit=self.unit,
        )


def names_are_unique(metrics: tuple[MetricTable, ...]) -> tuple[MetricTable, ...]:
    """Return the metrics; refuse a repeated name, since CloudWatch would mix both metrics."""
    names = [metric.name for metric in metrics]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise expected(NAMES, found=f"{repeated[0]} twice")
    return metrics
