"""A request for a deployment, as the input of an execution of statemachines/rollout.asl.json."""

from typing import TypeAlias

from lifecycle.domain.rollout.deployment import Request

Payload: TypeAlias = dict[str, str | list[str] | None]


def payload(request: Request) -> Payload:
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
        "overrides": [str(override) for override in request.overrides],
        "only": list(request.only),
    }
