"""The end of a rollout: close its record, cancel its host commands, and release the lease."""

from lifecycle.application.rollout.finish import Finished, finish
from lifecycle.application.rollout.refuse import refuse_unplanned
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Close
from lifecycle.entrypoints.handler import task


@task(Close)
def handle(event: Close) -> Finished:
    """Close the deployment with its outcome."""
    context = bootstrap.context()
    if event.unplanned:
        return refuse_unplanned(context, event.deployment, event.reason)
    return finish(context, event.cluster, event.deployment, event.outcome, event.reason, event.execution)
