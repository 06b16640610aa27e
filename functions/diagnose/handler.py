"""Phase 6, diagnose: is it the host or the version? Called when a host failed, before a human is asked."""

from lifecycle import wiring
from lifecycle.application.rollout.diagnose import diagnose
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.events import OnHost
from lifecycle.phase import task


@task(OnHost)
def handle(asked: OnHost) -> Outcome:
    """Try the previous version on the host that failed."""
    return diagnose(wiring.world(), asked.task())
