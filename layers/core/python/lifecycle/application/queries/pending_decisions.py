"""Everything that waits: decisions and approvals of every cluster, and deployments that wait for another.

Read by functions/console/show_questions; reads only. The sentences about a question are the command line's too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lifecycle.application.queries.clusters import ClusterView, view_clusters
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.fact_words import serving_words
from lifecycle.application.queries.hosts import IN_FULL, view_cluster_hosts
from lifecycle.application.queries.scope import Page, Scope, clusters_in
from lifecycle.application.readable import Rows, readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import CONSEQUENCES, SHOWN_AFTER_ANSWER, Choice, Question, just_answered
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.time_format import ago, ahead, minute

# The mark of the answer that the evidence leads to.
ADVISED = "follows from the evidence"
# Show at most this many clusters of each kind, and the count of the rest.
MOST = 40
# Clusters whose last deployments are read for answers, although nothing runs there.
FEW = 20


@dataclass(frozen=True, slots=True)
class PendingDecisions:
    """Clusters with pending decisions, clusters with a queued deployment, and the count of the rest.

    `serving` says of each cluster with pending decisions what serves there now.
    `answered` are the questions that somebody answered within the last hour, the newest answer first.
    """

    pending: tuple[ClusterView, ...]
    queued: tuple[ClusterView, ...]
    more: int
    page: Page
    unreadable: tuple[str, ...] = ()
    answered: tuple[tuple[Deployment, Question], ...] = ()
    serving: Mapping[Cluster, str] = field(default_factory=dict)


def view_pending_decisions(query: QueryContext, scope: Scope) -> PendingDecisions:
    """Return what waits, production first, then the longest waiting; raises Unknown, InvalidName.

    Only clusters with a lease or a queued deployment are read, because no other can have a question.
    """
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    busy = [each for each in clusters if leases[each].lease.deployment or leases[each].waiting]
    views = view_clusters(query, busy, leases, 2)
    rows = Rows()
    for read in leases.values():
        rows.add(read.unreadable)
    for view in views:
        rows.add(view.unreadable)
    pending = sorted((each for each in views if each.pending), key=_urgency)
    queued = sorted((each for each in views if each.waiting), key=lambda each: str(each.cluster))
    return PendingDecisions(
        pending=tuple(pending[:MOST]),
        queued=tuple(queued[:MOST]),
        more=max(0, len(pending) - MOST) + max(0, len(queued) - MOST),
        page=Page(1, 1, services),
        unreadable=rows.all(),
        answered=_answered(query, clusters, views),
        serving=_serving(query, pending[:MOST]),
    )


def _urgency(view: ClusterView) -> tuple[bool, datetime]:
    return view.cluster.environment != "production", min(q.asked_at for q in view.pending)


def _serving(query: QueryContext, pending: Sequence[ClusterView]) -> Mapping[Cluster, str]:
    """Return what serves in the first clusters, the most urgent ones: an account has few Describe calls."""
    found = in_parallel(lambda each: view_cluster_hosts(query.context, each, ()), pending[:IN_FULL])
    return {each.view.cluster: serving_words(each) for each in found}


def _answered(
    query: QueryContext, clusters: Sequence[Cluster], views: Sequence[ClusterView]
) -> tuple[tuple[Deployment, Question], ...]:
    """Return what was answered recently: of what runs, of what it rolls back, and of what has just ended.

    What has ended is read where the clusters are few; a large account has its services to choose from.
    """
    context, now = query.context, query.context.clock.now()
    found = [each for view in views for each in view.recent] + [view.running for view in views if view.running]
    busy = {view.cluster for view in views}
    resting = [each for each in clusters if each not in busy] if len(clusters) <= FEW else []
    read = context.deployments.recent_without_hosts
    for recent in in_parallel(lambda each: readable(lambda: read(each, 2), ())[0], resting):
        found += recent
    late = {each.id: each for each in found if (each.finished_at or now) > now - SHOWN_AFTER_ANSWER}
    asked = in_parallel(lambda each: readable(lambda: context.deployments.questions(each.id), ())[0], late.values())
    both = zip(late.values(), asked, strict=True)
    every = [(each, q) for each, questions in both for q in just_answered(questions, now)]
    every.sort(key=lambda each: each[1].answer.at if each[1].answer else now, reverse=True)
    return tuple(every[:MOST])


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


def assigned_words(question: Question, now: datetime) -> str:
    """Return who is on a question, and since when; empty if nobody said so."""
    found = question.assigned
    return f"{found.by} is on it, since {minute(found.at)}, {ago(found.at, now)}" if found else ""


def answered_words(question: Question, now: datetime) -> str:
    """Return who answered a question, with what, when and why; empty for one without an answer."""
    if (given := question.answer) is None:
        return ""
    why = f": {given.why}" if given.why else ""
    about = f" on {question.host}, attempt {question.attempt}" if question.host else ""
    return f"{given.by} answered {given.choice}{about} at {minute(given.at)}, {ago(given.at, now)}{why}"


def quarantine_notice(question: Question) -> str:
    """Return what follows for a host that is to blame; empty where none is."""
    if question.blame is not Blame.HOST:
        return ""
    return f"{question.host} is quarantined: later deployments leave it out; RETRY lifts that"
