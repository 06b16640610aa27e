"""Phase 6, register: put a host that passed its self-test back into rotation."""

from lifecycle import wiring
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.events import OnHost
from lifecycle.phase import task


@task(OnHost)
def handle(asked: OnHost) -> Outcome:
    """One stage of statemachines/rollout.asl.json's chain for a host."""
    return stages.register(wiring.world(), asked.task(), asked.execution)
