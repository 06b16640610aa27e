"""Take the lease and write the desired version; first state of the rollout."""

from lifecycle.application.rollout.plan import Planned, begin
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Deploy
from lifecycle.entrypoints.handler import entry


@entry(Deploy, lambda reason: Planned("REFUSED", 0, reason))
def handle(event: Deploy) -> Planned:
    """Begin the deployment, or return the blockers."""
    return begin(bootstrap.context(), event.request(), event.execution)
