"""Phase 6, await_alive: wait until the load balancer finds a host healthy."""

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import OnHost
from lifecycle.entrypoints.handler import task


@task(OnHost)
def handle(event: OnHost) -> Outcome:
    """One stage of statemachines/rollout.asl.json's chain for a host."""
    return stages.await_alive(bootstrap.context(), event.task(), event.execution)
