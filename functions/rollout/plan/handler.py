"""Take the lease and write the desired version; first state of the rollout."""

from lifecycle.application.rollout.plan import Planned
from lifecycle.application.rollout.requested import begin_requested, refuse_input
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Start
from lifecycle.entrypoints.handler import entry


@entry(Start, lambda given, why: refuse_input(bootstrap.context(), given, why))
def handle(event: Start) -> Planned:
    """Begin the deployment that is on record under this id, or return the blockers."""
    return begin_requested(bootstrap.context(), event.deployment, event.execution)
