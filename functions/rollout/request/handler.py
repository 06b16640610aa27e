"""Record an operator's request for a deployment; its execution is started with the deployment's id alone."""

from lifecycle.application.rollout.requests import record_request
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import RequestDeployment
from lifecycle.entrypoints.handler import command


@command(RequestDeployment)
def handle(event: RequestDeployment) -> RecordedRequest:
    """Record the request under the name that AWS has proven."""
    context = bootstrap.context()
    requested = RecordedRequest(event.request(), Source.OPERATOR, context.clock.now(), event.caller)
    record_request(context.requests, requested)
    return requested
