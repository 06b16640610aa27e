"""Run the release command of the new version once, before any host is changed."""

from lifecycle.application.rollout.release_command import run_release_command
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import OnHost
from lifecycle.entrypoints.handler import task


@task(OnHost)
def handle(event: OnHost) -> Outcome:
    """Run the release command on the host, or look whether it has ended."""
    return run_release_command(bootstrap.context(), event.task())
