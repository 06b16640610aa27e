"""Phase 6, drain: take a host out of rotation and wait for its requests in flight."""

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import OnHost
from lifecycle.entrypoints.handler import task


@task(OnHost)
def handle(event: OnHost) -> Outcome:
    """One stage of statemachines/rollout.asl.json's chain for a host."""
    return stages.drain(bootstrap.context(), event.task(), event.execution)
