"""The test bed, analyse: compare the new version's host with its control, once a minute of a bake."""

from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.application.rollout.test_bed.analyse import analyse
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import OfTestBed
from lifecycle.entrypoints.handler import task


@task(OfTestBed)
def handle(event: OfTestBed) -> Outcome:
    """Judge the minutes that were measured so far."""
    return analyse(bootstrap.context(), bootstrap.metrics(), event.bake())
