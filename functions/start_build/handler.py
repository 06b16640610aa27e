"""Phase 2, build: start the build of one commit; first state of statemachines/delivery.asl.json."""

from lifecycle import wiring
from lifecycle.application.delivery.build import Started, start_build
from lifecycle.events import StartBuild
from lifecycle.phase import task


@task(StartBuild)
def handle(asked: StartBuild) -> Started:
    """Start it once an execution."""
    build = start_build(
        wiring.builds(), asked.repository, asked.commit, asked.branch, asked.started, asked.execution
    )
    return Started(build)
