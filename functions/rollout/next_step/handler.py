"""The rollout's loop: choose the next step. Called between the hosts of statemachines/rollout.asl.json."""

from lifecycle.application.rollout.next_step import Decided, decide_next
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import InDeployment
from lifecycle.entrypoints.handler import task


@task(InDeployment)
def handle(event: InDeployment) -> Decided:
    """Read the records, and choose one step."""
    return decide_next(bootstrap.context(), event.cluster, event.deployment, event.execution, event.round)
