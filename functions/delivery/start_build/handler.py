"""Start the build of one commit; first state of statemachines/delivery.asl.json."""

from lifecycle.application.delivery.build import Started, start_build
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import StartBuild
from lifecycle.entrypoints.handler import entry


@entry(StartBuild, lambda reason: Started("", "REFUSED", reason))
def handle(event: StartBuild) -> Started:
    """Start the build, once for each execution."""
    build = start_build(
        bootstrap.builds(), event.repository, event.commit, event.branch, event.started, event.execution
    )
    return Started(build)
