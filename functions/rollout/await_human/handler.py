"""The pause of a rollout: store the task token with the question. The answer resumes the execution."""

from lifecycle.application.rollout.supersede import await_human
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import AskHuman
from lifecycle.entrypoints.handler import task


@task(AskHuman)
def handle(event: AskHuman) -> None:
    """Wait for a decision or an approval."""
    await_human(bootstrap.context(), event.deployment, event.question, event.token)
