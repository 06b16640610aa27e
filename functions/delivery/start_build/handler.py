"""Start the build of one push; first state of statemachines/delivery.asl.json."""

from lifecycle.application.delivery.build import Started, start_build
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import StartBuild
from lifecycle.entrypoints.handler import entry


@entry(StartBuild, lambda reason: Started("", "REFUSED", reason))
def handle(event: StartBuild) -> Started:
    """Start the build, once for each execution, unless the head commit asks for none."""
    return start_build(bootstrap.builds(), bootstrap.catalogue(), event.push(), event.started, event.execution)
