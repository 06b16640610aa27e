"""Phase 5, plan: take the lease and write the desired version; first state of the rollout."""

from lifecycle import wiring
from lifecycle.application.rollout.plan import Planned, begin
from lifecycle.events import Deploy
from lifecycle.phase import task


@task(Deploy)
def handle(asked: Deploy) -> Planned:
    """Begin the deployment, or say why not."""
    return begin(wiring.world(), asked.request(), asked.execution)
