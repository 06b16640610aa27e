"""Everything that waits: for a human, of every cluster, with the evidence; and deployments that wait for another.

Drawn by functions/console/show_questions; reads only.
"""

from dataclasses import dataclass

from lifecycle.application.queries.clusters import ClusterView, view_clusters
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.scope import Page, Scope, clusters_in

# A widget that asks more than this asks nobody; the rest is told by its number.
MOST = 40


@dataclass(frozen=True, slots=True)
class PendingDecisions:
    """`asking` clusters have open questions, `queued` ones a deployment that waits; `more` are not shown."""

    pending: tuple[ClusterView, ...]
    queued: tuple[ClusterView, ...]
    more: int
    page: Page


def view_pending_decisions(query: QueryContext, scope: Scope) -> PendingDecisions:
    """Those that have waited longest come first; raises Unknown, InvalidName.

    Only the clusters whose lease is leases, or that somebody waits for, are read: nothing else can ask.
    """
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    busy = [each for each in clusters if leases[each].lease.deployment or leases[each].waiting]
    views = view_clusters(query, busy, leases, 1)
    asking = sorted(
        (each for each in views if each.pending), key=lambda each: min(q.asked_at for q in each.pending)
    )
    queued = sorted((each for each in views if each.waiting), key=lambda each: str(each.cluster))
    return PendingDecisions(
        pending=tuple(asking[:MOST]),
        queued=tuple(queued[:MOST]),
        more=max(0, len(asking) - MOST) + max(0, len(queued) - MOST),
        page=Page(1, 1, services),
    )
