"""The ports that queries read, and reads in parallel."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from lifecycle.application.context import Context
from lifecycle.application.ports.builds import Builds
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.cluster_queries import ClusterQueries
from lifecycle.application.ports.phases import Phases

# As many reads at once as a client keeps connections open for.
_AT_ONCE = 8

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class QueryContext:
    """The ports that queries read, the phases that a button calls, and the builds that one ends."""

    context: Context
    catalogue: Catalogue
    cluster_queries: ClusterQueries
    phases: Phases
    builds: Builds


def in_parallel(read: Callable[[K], V], of: Iterable[K]) -> list[V]:
    """Read about each of these, several at a time; the order is kept, and the first error is raised."""
    every = list(of)
    if len(every) < 2:
        return [read(each) for each in every]
    with ThreadPoolExecutor(min(_AT_ONCE, len(every))) as threads:
        return list(threads.map(read, every))
