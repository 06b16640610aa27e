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
    Planted(
        "a-failed-host-is-started-again-after-an-abort",
        (9, 10),
        "lifecycle.domain.convergence.fallen_in_service",
        "        if target is None and report.ended and state.in_rotation:\n",
        "        if target is None and not state.serves:\n",
        caught_by="tests/unit/convergence/test_fallen_in_service.py",
    ),
    Planted(
        "starting-again-verifies-an-aborted-version",
        (10,),
        "lifecycle.application.rollout.plan",
        "    if not request.only or (is_desired and found.desired_is_good):\n",
        "    if not request.only or is_desired:\n",
        caught_by="tests/unit/convergence/test_fallen_in_service.py",
    ),
    Planted(
        "a-late-repair-brings-the-version-of-before",
        (3, 10),
        "lifecycle.domain.rollout.preflight",
        "    if request.kind is Kind.CONVERGE and (outdated := _outdated(request, observed)):\n",
        "    if request.kind is Kind.CONVERGE and (outdated := ''):\n",
        caught_by="tests/unit/convergence/test_fallen_in_service.py",
    ),
    Planted(
        "an-agent-reports-its-new-port-at-once",
        (1,),
        "apps.agent.place",
        "    if started is None or not started.port or not (runs or started.address == settings.address):\n",
        "    if settings:\n",
    ),
    Planted(
        "a-moved-host-is-not-repaired",
        (11, 23),
        "lifecycle.domain.fleet.drift",
        "    if report.moves_to:\n",
        "    if False:\n",
    ),
    Planted(
        "a-drain-leaves-the-target-at-another-port",
        (19, 27),
        "lifecycle.application.rollout.stages",
        "        context.dispatcher.deregister(cluster, report.address)\n    return Outcome",
        "        context.dispatcher.deregister(cluster, report.address, report.port)\n    return Outcome",
        caught_by="tests/unit/convergence/test_moved_hosts.py",
    ),
)
