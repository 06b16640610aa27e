"""Take a host out of rotation that must not serve, however long AWS cannot answer.

Used by stages.py, where a host is not alive in time: it may not stay in rotation because a call was throttled.
"""

from lifecycle.application.polling import answered, pauses
from lifecycle.application.rollout.stage_guard import Outcome, Running
from lifecycle.application.rollout.test_bed import traffic_weights


def take_out(running: Running, address: str) -> Outcome | None:
    """Deregister a host that must not serve; repeat it until the stage's deadline while AWS cannot answer."""
    context, cluster = running.context, running.task.cluster
    tries = 0

    def attempt() -> Outcome | None:
        nonlocal tries
        tries += 1
        if tries > 1:
            if stopped := running.fenced():
                return stopped
            if not context.dispatcher.target(cluster, address).in_rotation:
                return None  # the answer was lost, and the target has left
        traffic_weights.stop_traffic(context, cluster, address)
        context.dispatcher.deregister(cluster, address)
        return None

    between = pauses(context.poll_seconds, f"take out {address}")
    return answered(context.clock, running.deadline, attempt, between)
