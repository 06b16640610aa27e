"""Approvals and rejections at a gate; a function of its own, so that IAM decides who may call it."""

from lifecycle.application.rollout.decide import approve
from lifecycle.domain.rollout.decision import Answer, Question
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Decide
from lifecycle.entrypoints.handler import command


@command(Decide)
def handle(event: Decide) -> Question:
    """Record the answer with its author and reason, and resume the rollout."""
    context = bootstrap.context()
    answer = Answer(event.choice, event.by, event.why, context.clock.now())
    return approve(context, event.cluster, event.deployment, answer, event.question)
