"""Command a host to install, and wait until it runs the new version."""

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import OnHost
from lifecycle.entrypoints.handler import task


@task(OnHost)
def handle(event: OnHost) -> Outcome:
    """Run this stage of a host's chain in statemachines/rollout.asl.json."""
    return stages.install(bootstrap.context(), event.task())
