"""The former holders of a lease: cancel their commands, and close their records, before the next plan goes on.

Called by plan.py once its deployment has the lease.
"""

from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout import observe
from lifecycle.application.rollout.host_commands import cancel_turns_until
from lifecycle.domain.rollout.deployment import DeploymentState, Request
from lifecycle.domain.rollout.lease import Lease


def close_former_holders(context: Context, request: Request, before: Lease, lease: Lease) -> None:
    """Cancel every command from before this lease, and close the deployments that it has fenced.

    More than one may be open, as a call that was lost after it took the lease closed none. `before` names only
    the last of them. A deployment that is rolled back is closed by its own hand-over. One that is closed has no
    commands left.
    """
    recent, unreadable = readable(
        lambda: context.deployments.recent_without_hosts(request.cluster, observe.RECENT_LIMIT), ()
    )
    fenced = [each.id for each in recent if 0 < each.epoch < lease.epoch and not each.state.final]
    former = [each for each in dict.fromkeys((before.deployment, *fenced)) if each not in ("", request.deployment)]
    if former or unreadable:
        cancel_turns_until(context, request.cluster, lease.epoch - 1, request.deployment)
    for holder in former:
        if holder != request.rollback_of:
            _close_expired(context, request, holder)


def _close_expired(context: Context, request: Request, holder: str) -> None:
    """Close a deployment as STALE whose lease expired and was taken: it is fenced from now on."""
    why = f"its lease of {request.cluster} expired and was taken by {request.deployment}"
    what = f"take the expired lease of {holder}"
    context.record(request.cluster, what, request.requested_by, why, deployment=holder)
    # A record that cannot be read stays open. The epoch fences its deployment all the same.
    fenced, _ = readable(lambda: context.deployments.get(request.cluster, holder), None)
    if fenced is not None and not fenced.state.final:
        closed = replace(fenced, state=DeploymentState.STALE, reason=why, finished_at=context.clock.now())
        _ = context.deployments.put(closed)  # refused: another call has closed it
