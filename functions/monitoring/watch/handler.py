"""Act on alarms; called when an alarm of a cluster changes, and by the schedule."""

from lifecycle.application.monitoring.watch_alarms import Watched, watch
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Watch
from lifecycle.entrypoints.handler import task


@task(Watch)
def handle(event: Watch) -> list[Watched]:
    """Read the alarms' current states, and halt or roll back deployments as their policies say."""
    return watch(bootstrap.context(), bootstrap.alarms(), event.alarms)
