"""Faults planted in the test bed: its decisions, traffic weights, and the return of its hosts."""

from tests.simulation.planted import Edit, Planted

_BAKING = "lifecycle.domain.rollout.test_bed.schedule"
_HOSTS = "lifecycle.domain.rollout.test_bed.hosts"
_END_BAKE = "lifecycle.application.rollout.test_bed.end"
_SHARES = "lifecycle.application.rollout.test_bed.traffic_weights"
_ROLLOUT = "lifecycle.domain.rollout.next_step"

FAULTS = (
    Planted(
        "too-little-data-passes-without-an-answer",
        (21,),
        _BAKING,
        '    return rejection(facts, bed, now) or ask(\n        facts, bed, f"the test bed is undecided: {reason}", can_extend=can_extend\n    )',
        "    return EndBake(bed.number, BedState.PASSED, reason)",
    ),
    Planted(
        "hosts-are-updated-while-it-bakes",
        (9, 21),
        _BAKING,
        "        return again\n",
        "        return None\n",
    ),
    Planted(
        "a-failed-test-bed-is-forgotten",
        (9, 21),
        _ROLLOUT,
        "    if bed is None and (attempt.state is AttemptState.ALIVE or host not in facts.reports):",
        "    if attempt.state is AttemptState.ALIVE or host not in facts.reports:",
    ),
    Planted(
        "a-failed-version-joins-the-main-group",
        (9,),
        _END_BAKE,
        "    failed = [each for each in hosts if state is BedState.FAILED and each.group is Group.TEST_BED]",
        "    failed: list[_BedHost] = []",
        caught_by="tests/unit/rollout/test_bed",
    ),
    Planted(
        "a-control-runs-the-target-version",
        (3,),
        _HOSTS,
        "    if group is Group.CONTROL and deployment.previous is not None:",
        "    if False:",
    ),
    Planted(
        "hosts-leave-the-test-bed-before-they-are-healthy",
        (1,),
        _END_BAKE,
        "        return len(healthy) == len(hosts) or None\n",
        "        healthy = list(hosts)\n        return True\n",
    ),
    Planted(
        "a-traffic-weight-is-left-without-targets",
        (1,),
        _END_BAKE,
        "    traffic_weights.rebalance(context, task.cluster, {each.report.address for each in hosts})\n",
        "",
        beside=(
            Edit(
                _END_BAKE,
                "        traffic_weights.stop_traffic(context, task.cluster, each.report.address)\n",
                "",
            ),
        ),
    ),
    Planted(
        "a-traffic-weight-is-set-on-an-old-reading",
        (1,),
        _SHARES,
        "        stop_unanswered_traffic(context, cluster)\n",
        "",
        caught_by="tests/unit/rollout/test_bed",
    ),
    Planted(
        "a-recovered-host-is-taken-out",
        (1,),
        _END_BAKE,
        "    still = [each for each in _bed_hosts(context, current, bed) if not each.serves] if unhealthy else []",
        "    still = hosts",
        caught_by="tests/unit/rollout/test_bed",
    ),
    Planted(
        "a-host-in-the-main-group-counts-as-unhealthy",
        (6, 21),
        _HOSTS,
        "    in_main_group = state_of(facts.rotation, host) in (TargetState.HEALTHY, TargetState.INITIAL)",
        "    in_main_group = False",
        caught_by="tests/unit/rollout/test_bed",
    ),
    Planted(
        "a-drain-leaves-its-traffic-weight",
        (1,),
        _SHARES,
        "    if unanswered:\n",
        "    if False:\n",
    ),
    Planted(
        "a-traffic-weight-before-a-target-is-healthy",
        (1,),
        _SHARES,
        "state is TargetState.HEALTHY and address not in without",
        "address not in without",
    ),
    Planted(
        "a-dead-main-group-keeps-its-traffic",
        (1,),
        _SHARES,
        "(len(here) > others or not all(state.fails for state in here))",
        "True",
        "tests/unit/rollout/test_bed/test_end.py"
        "::test_dead_hosts_of_the_main_group_get_no_requests_while_as_many_others_are_healthy",
    ),
    Planted(
        "a-fenced-deployment-ends-the-test-bed",
        (4, 5),
        "lifecycle.application.rollout.test_bed.task",
        "    if not lease.is_held_by(current.id, task.epoch):",
        "    if False:",
        caught_by="tests/unit/rollout/test_bed",
    ),
    Planted(
        "a-deployment-ends-and-leaves-its-hosts-in-the-test-bed",
        (1, 20, 23),
        _BAKING,
        "    return EndBake(bed.number, BedState.CANCELLED, step.reason)\n",
        "    return step\n",
        caught_by="tests/unit/rollout/test_bed",
    ),
    Planted(
        "a-finished-test-bed-begins-again",
        (7,),
        "tests.fakes.deployments",
        "        if held and held.progress_rank >= bed.progress_rank:",
        "        if False:",
        caught_by="tests/unit/rollout/test_bed",
    ),
)
