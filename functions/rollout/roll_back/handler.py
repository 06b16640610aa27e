"""Hand the lease to a new deployment of the previous version."""

from lifecycle.application.rollout import rollback
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import HandOver
from lifecycle.entrypoints.handler import task


@task(HandOver)
def handle(event: HandOver) -> rollback.HandOver:
    """Close this deployment, and return the rollback deployment that takes over its lease."""
    return rollback.hand_over(bootstrap.context(), event.cluster, event.deployment, event.reason)
