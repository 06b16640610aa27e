"""An operator's decision: on a failed host, a pause and its end, or a rollback of the running version.

Called by the CLI and the console.
"""

from lifecycle.application.rollout.decide import answer_deployment, decide
from lifecycle.domain.rollout.decision import Answer, Question
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Decide
from lifecycle.entrypoints.handler import command


@command(Decide)
def handle(event: Decide) -> Question:
    """Record the decision for its deployment, host and attempt, and resume the rollout."""
    context = bootstrap.context()
    answer = Answer(event.choice, event.by, event.why, context.clock.now())
    if event.host:
        return decide(context, event.cluster, event.deployment, event.host, event.attempt, answer)
    return answer_deployment(context, event.cluster, event.deployment, answer)
