"""An operator's decision on a failed host, or the rollback of what runs.

Called by the CLI and the console.
"""

from lifecycle import wiring
from lifecycle.application.decide import decide, request_rollback
from lifecycle.domain.deployment import Answer, Question
from lifecycle.events import Decide
from lifecycle.phase import command


@command(Decide)
def handle(asked: Decide) -> Question:
    """Record the decision, bound to its deployment, host and attempt, and wake the rollout."""
    world = wiring.world()
    answer = Answer(asked.choice, asked.by, asked.why, world.clock.now())
    if not asked.host:
        return request_rollback(world, asked.cluster, asked.deployment, answer)
    return decide(world, asked.cluster, asked.deployment, asked.host, asked.attempt, answer)
