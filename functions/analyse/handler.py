"""The test bed, analyse: compare the host with the new version with its control. Called once a minute of a bake."""

from lifecycle import wiring
from lifecycle.application.analyse import analyse
from lifecycle.application.attempt import Outcome
from lifecycle.events import OfTestBed
from lifecycle.phase import task


@task(OfTestBed)
def handle(asked: OfTestBed) -> Outcome:
    """Judge what was measured so far."""
    return analyse(wiring.world(), wiring.metrics(), asked.bake())
