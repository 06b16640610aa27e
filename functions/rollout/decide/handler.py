"""An operator's decision on a failed host, a pause and its end, or the rollback of what runs.

Called by the CLI and the console.
"""

from lifecycle.application.rollout.decide import answer_deployment, decide
from lifecycle.domain.rollout.decision import Answer, Question
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Decide
from lifecycle.entrypoints.handler import command


@command(Decide)
def handle(asked: Decide) -> Question:
    """Record the decision, bound to its deployment, host and attempt, and wake the rollout."""
    context = bootstrap.context()
    answer = Answer(asked.choice, asked.by, asked.why, context.clock.now())
    if asked.host:
        return decide(context, asked.cluster, asked.deployment, asked.host, asked.attempt, answer)
    return answer_deployment(context, asked.cluster, asked.deployment, answer)
