"""The end of a rollout: its record is closed, its hosts stand down, the lease is freed."""

from lifecycle import wiring
from lifecycle.application.rollout.finish import Finished, finish
from lifecycle.events import Close
from lifecycle.phase import task


@task(Close)
def handle(asked: Close) -> Finished:
    """Close the deployment with its outcome."""
    return finish(wiring.world(), asked.cluster, asked.deployment, asked.outcome, asked.reason)
