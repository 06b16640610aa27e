"""Requests for deployments: recorded first, then carried out by an execution whose input is the deployment's id.

Used by everything that starts a rollout: operators, the console, delivery and convergence. Rollbacks of a running
deployment and those of alarms are on record as deployments before they start.
"""

from typing import TypeAlias

from lifecycle.application.ports.requests import Requests
from lifecycle.domain.errors import InvalidName, Refused
from lifecycle.domain.rollout.deployment import CLOCK_SKEW, Request, check_deployment_id, requested_at
from lifecycle.domain.rollout.recorded_request import RecordedRequest, not_allowed

Payload: TypeAlias = dict[str, str]


def payload(request: Request) -> Payload:
    """Return the input of an execution that carries out a recorded request: the deployment's id, and no more."""
    return {"deployment": request.deployment}


def record_request(requests: Requests, requested: RecordedRequest) -> None:
    """Record a request before its execution is started; raises Refused. Safe to repeat."""
    request = requested.request
    what = f"the request for {request.deployment[:100]}"
    try:
        check_deployment_id(request.deployment, request.cluster)
        if request.rollback_of is not None:
            check_deployment_id(request.rollback_of, request.cluster)
    except InvalidName as error:
        raise Refused(what, [str(error)]) from error
    if abs(requested_at(request.deployment) - requested.at) > CLOCK_SKEW:
        now = f"{requested.at:%Y-%m-%d %H:%M} UTC"
        raise Refused(what, [f"its name has another time than {now}: set the clock, and request it again"])
    if why := not_allowed(request, requested.source):
        raise Refused(what, [why])
    if not requests.put(requested):  # nosec B113 - the port of this name, not the library
        raise Refused(what, ["another request has this name; try again"])
