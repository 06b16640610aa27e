"""Withdrawn releases: a plan takes none, and a deployment on record ends a withdrawal that only began.

Called by observe.py for each plan, and by plan.py once the deployment is on record. Only releases are withdrawn, and
only those that were never deployed. So rollbacks and repairs, which go to what was deployed, do not ask.
"""

from lifecycle.application.context import Context
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.deployment import Kind, Request
from lifecycle.domain.service.version import is_release
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState


def refuse_withdrawn(context: Context, request: Request) -> None:
    """Raise Refused for a release that was withdrawn. One whose withdrawal has only begun may still be deployed."""
    found = _withdrawal(context, request)
    if found and found.done:
        raise Refused(f"the deployment of {request.version} to {request.cluster}", [_words(request, found)])


def withdrawn_before(context: Context, request: Request) -> str:
    """Return why a deployment that is on record may not begin; empty after it has ended a withdrawal that only began.

    This is read after the deployment, or its place in the pending slot, is on record. A withdrawal that was begun
    before this read is found here. One that begins after it finds the deployment, because it looks at the clusters
    once more after it has begun. Where both find each other, both replace the record of the begun withdrawal, and
    the condition of that write lets one of them win.
    """
    while (found := _withdrawal(context, request)) is not None:
        if found.done:
            return _words(request, found)
        lost = found.ending(WithdrawalState.LOST)
        if found == lost or context.catalogue.put_withdrawal(request.service, found, lost):
            break
    return ""


def _withdrawal(context: Context, request: Request) -> Withdrawal | None:
    if request.kind is not Kind.DEPLOY or not is_release(request.version):
        return None
    return context.catalogue.withdrawal(request.service, request.version)


def _words(request: Request, found: Withdrawal) -> str:
    again = f"`lifecycle promote {request.service} SNAPSHOT` makes another release of its snapshot"
    return f"{request.version} was {found.in_words}; {again}"
