"""A pass of convergence over every cluster, which goes on where the last one was interrupted.

Called by functions/convergence/converge, on its schedule. Its calls are spread over the time that it has, since hosts
that drain need Describe calls too.
"""

from collections.abc import Iterator

from lifecycle.application.context import Context
from lifecycle.application.convergence.converge import Result, converge_in_order
from lifecycle.application.readable import readable
from lifecycle.domain.convergence.full_pass import LONGEST, Cursor, due_at, from_cursor
from lifecycle.domain.fleet.cluster import Cluster


def converge_every(context: Context, suffix: str, by: str) -> list[Result]:
    """Converge every cluster of the registry, as far as the time of one call goes; the last result says what is left.

    The cursor is written before each cluster: one that kills the function is then the last of the next pass.
    """
    began = context.clock.now()
    cursor, _ = readable(context.cursors.get, None)  # a cursor that cannot be read is written again
    clusters = from_cursor(context.registry.clusters(), cursor)
    reached = 0

    def in_time() -> Iterator[Cluster]:
        nonlocal reached
        for number, cluster in enumerate(clusters):
            wait = (due_at(began, number) - context.clock.now()).total_seconds()
            if wait > 0:
                context.clock.sleep(wait)
            if (now := context.clock.now()) >= began + LONGEST:
                return
            context.cursors.put(Cursor(str(cluster), now))
            reached += 1
            yield cluster

    found = converge_in_order(context, suffix, by, in_time(), sparing=True)
    if left := len(clusters) - reached:
        why = f"{left} of {len(clusters)} clusters are left to the next pass: {LONGEST.seconds} s were not enough"
        found.append(Result("", "LATE", why))
    return found
