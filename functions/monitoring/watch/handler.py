"""Phase 7, watch: an alarm of a cluster changed, or the clock looks whether one rings."""

from lifecycle.application.monitoring.watch_alarms import Watched, watch
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Watch
from lifecycle.entrypoints.handler import task


@task(Watch)
def handle(event: Watch) -> list[Watched]:
    """Look at the alarms as they stand now, and do what follows."""
    return watch(bootstrap.context(), bootstrap.alarms(), event.alarms)
