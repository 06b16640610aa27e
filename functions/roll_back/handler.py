"""Phase 7, rollback: hand the lease to a new deployment of the previous version."""

from lifecycle import wiring
from lifecycle.application.rollout.rollback import Heir, hand_over
from lifecycle.events import HandOver
from lifecycle.phase import task


@task(HandOver)
def handle(asked: HandOver) -> Heir:
    """Close this deployment, and name the one that follows."""
    return hand_over(wiring.world(), asked.cluster, asked.deployment, asked.reason)
