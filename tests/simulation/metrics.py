"""The fake of the port Metrics: a bad version answers errors in its test bed.

In a fifth of the runs there is no data.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lifecycle.application.ports.metrics import whole_minutes
from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE
from lifecycle.domain.analysis.model import Measure, Measurements, Series
from lifecycle.domain.fleet.cluster import Cluster

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

LATE_MINUTES = 2
REQUESTS = 1000
ERRORS = 0.2


class Metrics:
    """Measurements by the truth about each version. `without_data`: no request is counted in this run."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self.without_data = sim.rng.random() < 0.2

    def complete_minutes(self, since: datetime, now: datetime, minute: timedelta) -> int:
        return whole_minutes(since, now, minute, LATE_MINUTES)

    def measurements(
        self,
        cluster: Cluster,
        test_host: str,
        control_host: str,
        measures: Sequence[Measure],
        since: datetime,
        minutes: int,
        minute: timedelta,
    ) -> Measurements:
        if self.without_data:
            return Measurements((Series(ERROR_RATE, (None,) * minutes, (None,) * minutes),), minutes, 0, 0)
        boot = self._sim.hosts[test_host].boot
        bad = boot is not None and boot.version in self._sim.scenario.bad_in_the_test_bed
        control, test_bed = (0.0,) * minutes, ((ERRORS if bad else 0.0),) * minutes
        requests = REQUESTS * minutes
        return Measurements((Series(ERROR_RATE, control, test_bed),), minutes, requests, requests)
