"""The test bed, end: both hosts go home, or the new version's is taken out of rotation."""

from lifecycle import wiring
from lifecycle.application.attempt import Outcome
from lifecycle.application.end_bake import end_bake
from lifecycle.events import EndOfTestBed
from lifecycle.phase import task


@task(EndOfTestBed)
def handle(asked: EndOfTestBed) -> Outcome:
    """End the test bed."""
    return end_bake(wiring.world(), asked.bake(), asked.bed, asked.outcome, asked.reason)
