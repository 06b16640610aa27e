"""The pause of a rollout: store the task token with the question. The answer resumes the execution."""

from lifecycle.application.rollout.task_tokens import await_answer
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import AskHuman
from lifecycle.entrypoints.handler import task


@task(AskHuman)
def handle(event: AskHuman) -> None:
    """Wait for a decision or an approval."""
    await_answer(bootstrap.context(), event.deployment, event.question, event.token)
