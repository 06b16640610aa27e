"""What a judge needs to know of a test bed and its control, minute by minute.

Implemented by gateways/aws/metrics.py over CloudWatch and gateways/memory/metrics.py; tests/contract holds both to
the same behaviour. A minute is what the caller says: shorter ones are a laptop's.
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
        """How many whole minutes after `since` can be read to their end by now."""
        ...

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
        """The first `minutes` minutes after `since`, one value a minute; None where nothing was told.

        Errors and latency (domain/analysis/built_in_metrics.py) are those of the two target groups, of which the hosts are the only
        members; every other measure is the service's own, by host. Raises Unknown where there is no test bed.
        """
        ...


def first_minute(since: datetime, minute: timedelta) -> datetime:
    """The beginning of the first whole minute after `since`; minutes begin where the clock's do."""
    return _EPOCH - (_EPOCH - since) // minute * minute


def whole_minutes(since: datetime, now: datetime, minute: timedelta, late: int) -> int:
    """How many whole minutes after `since` ended at least `late` minutes ago."""
    return max(0, (now - first_minute(since, minute)) // minute - late)
