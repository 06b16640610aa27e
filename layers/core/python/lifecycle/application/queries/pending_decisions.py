"""Everything that waits: decisions and approvals of every cluster, and deployments that wait for another.

Read by functions/console/show_questions; reads only. The sentences about a question are the command line's too.
"""

from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.queries.clusters import ClusterView, view_clusters
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.scope import Page, Scope, clusters_in
from lifecycle.application.readable import Rows
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import CONSEQUENCES, Choice, Question
from lifecycle.domain.time_format import ahead, minute

# Show at most this many clusters of each kind, and the count of the rest.
MOST = 40


@dataclass(frozen=True, slots=True)
class PendingDecisions:
    """Clusters with pending decisions, clusters with a queued deployment, and the count of the rest."""

    pending: tuple[ClusterView, ...]
    queued: tuple[ClusterView, ...]
    more: int
    page: Page
    unreadable: tuple[str, ...] = ()


def view_pending_decisions(query: QueryContext, scope: Scope) -> PendingDecisions:
    """Return what waits, the longest waiting first; raises Unknown, InvalidName.

    Only clusters with a lease or a queued deployment are read, because no other can have a question.
    """
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    busy = [each for each in clusters if leases[each].lease.deployment or leases[each].waiting]
    views = view_clusters(query, busy, leases, 1)
    rows = Rows()
    for read in leases.values():
        rows.add(read.unreadable)
    for view in views:
        rows.add(view.unreadable)
    pending = sorted((each for each in views if each.pending), key=lambda each: min(q.asked_at for q in each.pending))
    queued = sorted((each for each in views if each.waiting), key=lambda each: str(each.cluster))
    return PendingDecisions(
        pending=tuple(pending[:MOST]),
        queued=tuple(queued[:MOST]),
        more=max(0, len(pending) - MOST) + max(0, len(queued) - MOST),
        page=Page(1, 1, services),
        unreadable=rows.all(),
    )


def effect(question: Question, choice: Choice) -> str:
    """Return what a choice would do here, or what it does anywhere, where the question does not say."""
    return question.effects.get(choice) or CONSEQUENCES[choice]


def expiry(question: Question, now: datetime) -> str:
    """Return when a question expires, and what follows; empty for one that does not."""
    if question.expires_at is None:
        return ""
    then = "the decision is requested again" if question.host else "it counts as rejected"
    if question.expired(now):
        return f"expired at {minute(question.expires_at)}: an answer is refused; {then}"
    return f"expires at {ahead(question.expires_at, now)}: then {then}"


def quarantine_notice(question: Question) -> str:
    """Return what follows for a host that is to blame; empty where none is."""
    if question.blame is not Blame.HOST:
        return ""
    return f"{question.host} is quarantined: later deployments leave it out; RETRY lifts that"
