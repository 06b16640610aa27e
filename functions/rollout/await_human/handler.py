"""The pause of a rollout: note the task token beside the question; its answer wakes the execution."""

from lifecycle.application.rollout.task_tokens import wait_for
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import AskHuman
from lifecycle.entrypoints.handler import task


@task(AskHuman)
def handle(event: AskHuman) -> None:
    """Wait for a decision or an approval."""
    wait_for(bootstrap.context(), event.deployment, event.question, event.token)
