"""The test bed, analyse: compare the host with the new version with its control. Called once a minute of a bake."""

from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.application.rollout.test_bed.analyse import analyse
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import OfTestBed
from lifecycle.entrypoints.handler import task


@task(OfTestBed)
def handle(event: OfTestBed) -> Outcome:
    """Judge what was measured so far."""
    return analyse(bootstrap.context(), bootstrap.metrics(), event.bake())
