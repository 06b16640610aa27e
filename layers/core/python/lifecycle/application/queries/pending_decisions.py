"""Everything that waits: for a human, of every cluster, with the evidence; and deployments that wait for another.

Drawn by functions/console/show_questions; reads only.
"""

from dataclasses import dataclass

from lifecycle.application.queries.clusters import ClusterSight, look
from lifecycle.application.queries.context import Console
from lifecycle.application.queries.scope import Page, Wanted, chosen

# A widget that asks more than this asks nobody; the rest is told by its number.
MOST = 40


@dataclass(frozen=True, slots=True)
class AllWaiting:
    """`asking` clusters have open questions, `queued` ones a deployment that waits; `more` are not shown."""

    asking: tuple[ClusterSight, ...]
    queued: tuple[ClusterSight, ...]
    more: int
    page: Page


def all_waiting(console: Console, wanted: Wanted) -> AllWaiting:
    """Those that have waited longest come first; raises Unknown, InvalidName.

    Only the clusters whose lease is held, or that somebody waits for, are read: nothing else can ask.
    """
    clusters, services = chosen(console, wanted)
    held = console.sights.held(clusters)
    busy = [each for each in clusters if held[each].lease.deployment or held[each].waiting]
    sights = look(console, busy, held, 1)
    asking = sorted(
        (each for each in sights if each.asked), key=lambda each: min(q.asked_at for q in each.asked)
    )
    queued = sorted((each for each in sights if each.waiting), key=lambda each: str(each.cluster))
    return AllWaiting(
        asking=tuple(asking[:MOST]),
        queued=tuple(queued[:MOST]),
        more=max(0, len(asking) - MOST) + max(0, len(queued) - MOST),
        page=Page(1, 1, services),
    )
