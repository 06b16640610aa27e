"""An operator's decision on a failed host, a pause and its end, or the rollback of what runs.

Called by the CLI and the console.
"""

from lifecycle.application.rollout.decide import decide, told
from lifecycle.domain.rollout.decision import Answer, Question
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Decide
from lifecycle.entrypoints.handler import command


@command(Decide)
def handle(asked: Decide) -> Question:
    """Record the decision, bound to its deployment, host and attempt, and wake the rollout."""
    world = bootstrap.world()
    answer = Answer(asked.choice, asked.by, asked.why, world.clock.now())
    if asked.host:
        return decide(world, asked.cluster, asked.deployment, asked.host, asked.attempt, answer)
    return told(world, asked.cluster, asked.deployment, answer)
