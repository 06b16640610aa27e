"""The test bed, analyse: compare the host with the new version with its control. Called once a minute of a bake."""

from lifecycle import wiring
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.application.rollout.test_bed.analyse import analyse
from lifecycle.events import OfTestBed
from lifecycle.phase import task


@task(OfTestBed)
def handle(asked: OfTestBed) -> Outcome:
    """Judge what was measured so far."""
    return analyse(wiring.world(), wiring.metrics(), asked.bake())
