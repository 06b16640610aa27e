"""The port to the metrics of a test bed and its control, minute by minute.

Implemented by gateways/aws/metrics.py over CloudWatch and by tests/fakes/metrics.py; tests/contract
proves that both behave alike. The caller sets the length of a minute, which is shorter on a laptop.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from lifecycle.domain.analysis.model import Measure, Measurements
from lifecycle.domain.fleet.cluster import Cluster

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Metrics(Protocol):
    """Metrics of hosts and of target groups."""

    def complete_minutes(self, since: datetime, now: datetime, minute: timedelta) -> int:
        """Return the number of whole minutes after `since` whose metrics are complete."""

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
        """Return the first `minutes` minutes after `since`, one value per minute; None where there is no data.

        Errors and latency (domain/analysis/built_in_metrics.py) are read by target group, since each host is
        the only member of its group. Every other measure is the service's own, read by host. Raises Unknown
        if the cluster has no test bed.
        """


def first_minute(since: datetime, minute: timedelta) -> datetime:
    """Return the start of the first whole minute after `since`; minutes start with those of the clock."""
    return _EPOCH - (_EPOCH - since) // minute * minute


def whole_minutes(since: datetime, now: datetime, minute: timedelta, delay: int) -> int:
    """Return the number of whole minutes after `since` that ended at least `delay` minutes ago."""
    return max(0, (now - first_minute(since, minute)) // minute - delay)
