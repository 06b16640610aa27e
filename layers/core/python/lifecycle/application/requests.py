"""A request for a deployment, as the input of an execution of statemachines/rollout.asl.json."""

from lifecycle.domain.deployment import Request


def payload(request: Request) -> dict[str, str | bool | None]:
    """A request as the input of an execution."""
    return {
        "deployment": request.deployment,
        "service": request.service,
        "environment": request.environment,
        "version": request.version,
        "requested_by": request.requested_by,
        "reason": request.reason,
        "kind": str(request.kind),
        "rollback_of": request.rollback_of,
        "even_if_quarantined": request.even_if_quarantined,
    }
