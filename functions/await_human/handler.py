"""The pause of a rollout: note the task token beside the question; its answer wakes the execution."""

from lifecycle import wiring
from lifecycle.application.rollout.task_tokens import wait_for
from lifecycle.events import AskHuman
from lifecycle.phase import task


@task(AskHuman)
def handle(asked: AskHuman) -> None:
    """Wait for a decision or an approval."""
    wait_for(wiring.world(), asked.deployment, asked.question, asked.token)
