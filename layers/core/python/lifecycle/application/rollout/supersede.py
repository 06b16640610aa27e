"""A halted automatic deployment ends where a newer one waits behind it: a fix was pushed, and nobody need abort.

Called by functions/rollout/await_human when a deployment halts, by `begin_automatic` when another one waits, and by
convergence, in case one of those calls was lost.
"""

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout import queue
from lifecycle.application.rollout.answer import record_answer
from lifecycle.application.rollout.task_tokens import await_answer
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Answer, Choice, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Request, cluster_of
from lifecycle.domain.rollout.recorded_request import Source


def await_human(context: Context, name: str, question: str, token: str) -> None:
    """Record the task that waits for an answer, and give it if a newer deployment waits. Raises Unknown."""
    await_answer(context, name, question, token)
    supersede_halted(context, cluster_of(name))


def is_automatic(context: Context, request: Request) -> bool:
    """Return whether delivery has recorded this request, and no person; an unreadable record counts as none."""
    found, _ = readable(lambda: context.requests.find(request.deployment), None)
    return found is not None and found.source is Source.DELIVERY


def superseded(context: Context, request: Request) -> str:
    """Return why the branch of an automatic deployment wants another commit; empty where that is not known."""
    owner, _ = readable(lambda: context.catalogue.owner(request.service), None)
    snapshots, _ = readable(lambda: context.catalogue.snapshots(request.service), {})
    facts = snapshots.get(request.version, {})
    if not owner or "branch" not in facts:
        return ""
    branch = context.catalogue.branch(owner, facts["branch"])
    return branch.superseded(facts["commit"], request.service, facts.get("folder", ""))


def supersede_halted(context: Context, cluster: Cluster) -> None:
    """Abort a halted automatic deployment for the newer one that waits behind it.

    The pending one has a later push, which may mend what failed. One that its branch has left ends by itself. A
    deployment of a person is left to people.
    """
    pending = queue.pending_deployment(context, cluster)
    holder, _ = readable(lambda: _holder(context, cluster), None)
    if pending is None or holder is None or holder.id == pending.request.deployment:
        return
    asked = [q for q in context.deployments.questions(holder.id) if q.kind is QuestionKind.DECISION and not q.answer]
    if not asked or not (is_automatic(context, pending.request) and is_automatic(context, holder.request)):
        return
    if superseded(context, pending.request):
        return
    why = f"{pending.request.deployment} ({pending.request.version}) is newer and takes its place"
    for question in asked:
        if Choice.ABORT in question.choices:
            record_answer(context, holder, question, Answer(Choice.ABORT, "delivery", why, context.clock.now()))


def _holder(context: Context, cluster: Cluster) -> Deployment | None:
    name = context.leases.current(cluster).deployment
    return context.deployments.get(cluster, name) if name else None
