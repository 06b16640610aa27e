"""The test bed, end: return both hosts to the main target group, or take an unhealthy one out of rotation."""

from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.application.rollout.test_bed.end import end_bake
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import EndOfTestBed
from lifecycle.entrypoints.handler import task


@task(EndOfTestBed)
def handle(event: EndOfTestBed) -> Outcome:
    """End the test bed with this outcome."""
    return end_bake(bootstrap.context(), event.bake(), event.bed, event.outcome, event.reason)
