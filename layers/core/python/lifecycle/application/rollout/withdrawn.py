"""Withdrawn versions: a plan takes none, and a deployment on record ends a withdrawal that only began.

Called by observe.py for each plan, and by plan.py once the deployment is on record. A release is withdrawn before it
was ever deployed. Only the removal of a service withdraws what was deployed, snapshots too, after its clusters are
gone. So no rollback or repair is lost by it.
"""

from collections.abc import Sequence

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.deployment import Deployment, Kind, Request
from lifecycle.domain.service.version import is_release
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState, done


def refuse_withdrawn(context: Context, request: Request) -> None:
    """Raise Refused for a version that was withdrawn. One whose withdrawal has only begun may still be deployed.

    A record that cannot be read stops no rollback and no repair: what it is about may have run before.
    """
    found = context.catalogue.withdrawal(request.service, request.version)
    if found and found.done and (found.at or request.kind is Kind.DEPLOY):
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


def of_this_service(context: Context, service: str, recent: Sequence[Deployment]) -> Sequence[Deployment]:
    """Return the deployments without those of withdrawn versions: a service of the same name was removed before.

    Their versions are no rollback targets, and verify nothing. Their epochs count all the same.
    """
    if not recent:
        return recent
    found = done(readable(lambda: context.catalogue.withdrawals(service), {})[0])
    gone = {version for version, each in found.items() if each.at}
    return [each for each in recent if each.target.version not in gone]


def _withdrawal(context: Context, request: Request) -> Withdrawal | None:
    if request.kind is not Kind.DEPLOY or not is_release(request.version):
        return None
    return context.catalogue.withdrawal(request.service, request.version)


def _words(request: Request, found: Withdrawal) -> str:
    again = f"`lifecycle promote {request.service} SNAPSHOT` makes another release"
    return f"{request.version} was {found.in_words}; {again}"
