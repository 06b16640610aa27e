"""Past deployments and audit entries.

Read by functions/console/show_history; reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from lifecycle.application.context import Context
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.scope import Page, Scope, clusters_in, page_of
from lifecycle.application.readable import readable
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, newest_first
from lifecycle.domain.rollout.deployment import Deployment

SHOWN = 25


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The newest deployments and audit entries of a page of clusters, the newest first."""

    deployments: tuple[Deployment, ...]
    audit_entries: tuple[AuditEntry, ...]
    page: Page
    unreadable: tuple[str, ...] = ()


def view_history(query: QueryContext, scope: Scope) -> HistoryView:
    """Return the merged history of a page of clusters, the busy ones first; raises Unknown, InvalidName."""
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    ordered = sorted(clusters, key=lambda each: (not leases[each].lease.deployment, each.service, each))
    shown, page = page_of(ordered, scope, services)
    context = query.context
    recent = in_parallel(lambda each: _recent(context, each), shown)
    trails = in_parallel(lambda each: _trail(context, each), shown)
    errors = [error for _, found in (*recent, *trails) for error in found]
    every = chain.from_iterable(each for each, _ in recent)
    deployments = sorted(every, key=lambda each: (each.started_at, each.id), reverse=True)
    entries = newest_first(chain.from_iterable(each for each, _ in trails))
    return HistoryView(tuple(deployments[:SHOWN]), tuple(entries[: 2 * SHOWN]), page, tuple(map(str, errors)))


def _recent(context: Context, cluster: Cluster) -> tuple[Sequence[Deployment], tuple[UnreadableRecord, ...]]:
    return readable(lambda: context.deployments.recent_without_hosts(cluster, SHOWN), ())


def _trail(context: Context, cluster: Cluster) -> tuple[Sequence[AuditEntry], tuple[UnreadableRecord, ...]]:
    return readable(lambda: context.audit_log.read(cluster, limit=SHOWN), ())
