"""A pass of convergence over every cluster: where it goes on, how fast it goes, and what it reads.

Used by application/convergence/full_pass.py. An ALB answers ten Describe calls per second for a whole account, and
the hosts that drain need some of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from lifecycle.domain.fleet.cluster import Cluster

# A function may run for five minutes. What is left then is for the next pass.
LONGEST = timedelta(seconds=270)
# The first clusters are not paced: so many calls are in stock. Then it takes about six of the ten calls per second.
_AT_ONCE = 12
_PER_SECOND = 2.2
# A scheduled pass reads the test bed's and the control's groups of each cluster once in so many quarters of an hour.
_QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cluster that the last pass began last, and when. That pass may have ended there."""

    cluster: str
    at: datetime


def from_cursor(clusters: Sequence[Cluster], cursor: Cursor | None) -> list[Cluster]:
    """Return every cluster, those after the cursor first.

    A cluster that ended the pass before, whatever it did, comes last.
    """
    ordered = sorted(clusters, key=str)
    after = cursor.cluster if cursor else ""
    return sorted(ordered, key=lambda each: str(each) <= after)


def due_at(began: datetime, number: int) -> datetime:
    """Return when a pass may begin its cluster of this number; the first one is number 0."""
    return began + timedelta(seconds=max(0, number - _AT_ONCE) / _PER_SECOND)


def reads_test_groups(cluster: Cluster, now: datetime) -> bool:
    """Return whether a scheduled pass reads all target groups of a cluster, and not the main one alone.

    A target that nobody knows is harmless in a group without traffic, so it may stay there for an hour.
    """
    return now.minute * _QUARTERS // 60 == crc32(str(cluster).encode()) % _QUARTERS
