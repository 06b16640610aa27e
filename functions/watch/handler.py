"""Phase 7, watch: an alarm of a cluster changed, or the clock looks whether one rings."""

from lifecycle import wiring
from lifecycle.application.monitoring.watch_alarms import Watched, watch
from lifecycle.events import Watch
from lifecycle.phase import task


@task(Watch)
def handle(asked: Watch) -> list[Watched]:
    """Look at the alarms as they stand now, and do what follows."""
    return watch(wiring.world(), wiring.alarms(), asked.alarms)
