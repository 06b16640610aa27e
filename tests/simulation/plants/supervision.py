"""Faults planted in supervision: a host that falls, a crash loop, the time that a host must stay alive."""

from tests.simulation.planted import Planted

FAULTS = (
    Planted(
        "a-fallen-host-is-passed-over",
        (33,),
        "lifecycle.domain.rollout.next_step",
        "    if not fallen(facts, attempt) or answers_on(facts.questions, attempt):",
        "    if True:",
    ),
    Planted(
        "the-next-host-comes-at-once",
        (33,),
        "lifecycle.application.rollout.stages",
        "    lasting = context.minute * (policy.min_alive_seconds / 60 if waits else 0)",
        "    lasting = context.minute * 0",
    ),
    Planted(
        "a-crash-loop-is-not-slowed",
        (33,),
        "lifecycle.domain.convergence.crash_loop",
        "    pause = min(minute * FIRST_MINUTES * 2 ** min(count - 1, 10), longest)",
        "    pause = timedelta()",
    ),
    Planted(
        "an-end-is-not-reported",
        (33,),
        "apps.agent.agent",
        "            ended=None if running else self._supervision.end(state.self_test),\n",
        "",
    ),
    Planted(
        "a-host-that-booted-is-not-reported",
        (33,),
        "apps.agent.supervision",
        "            booted = started.kernel != processes.kernel_boot()\n",
        "            booted = started.kernel != processes.kernel_boot()\n            if booted:\n                return None\n",
    ),
)
