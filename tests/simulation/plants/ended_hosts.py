"""Faults planted in the ends of hosts and clusters: what Auto Scaling ends, what CloudFormation deletes."""

from tests.simulation.planted import SIMULATION, Planted

_END = "lifecycle.application.fleet.end_host"
_END_TESTS = "tests/unit/fleet/test_end_host.py"
_FORGET = "lifecycle.application.fleet.forget_cluster"
_FORGET_TESTS = "tests/unit/fleet/test_forget_cluster.py"

FAULTS = (
    Planted(
        "an-instance-ends-before-its-drain",
        (19,),
        _END,
        "    gone = all(state in (TargetState.ABSENT, TargetState.UNUSED) for state in states.values())\n",
        "    gone = True\n",
        SIMULATION,
    ),
    Planted(
        "an-instance-ends-while-a-deployment-registers-it",
        (19,),
        _END,
        "    return gone and not _is_updated(context, cluster, host)\n",
        "    return gone\n",
        f"{_END_TESTS}::test_host_that_a_rollout_updates_is_drained_again_after_it",
    ),
    Planted(
        "an-ending-host-is-drained-beside-a-rollouts",
        (1,),
        _END,
        "    _await(context.clock, longest, host, began + CAPACITY_WAIT, lambda: not _blocker(context, cluster, host))\n",
        "",
        f"{_END_TESTS}::test_instance_ends_anyway_so_it_is_drained_where_the_rollout_does_not_come_back",
    ),
    Planted(
        "a-late-event-drains-a-host-that-stays",
        (1,),
        _END,
        "    if not context.machines.is_ending(cluster, host):\n",
        "    if False:\n",
        f"{_END_TESTS}::test_event_about_a_host_that_auto_scaling_does_not_end_changes_nothing",
    ),
    Planted(
        "a-deleted-stack-forgets-live-hosts",
        (23,),
        _FORGET,
        "    if reasons:\n        raise Refused",
        "    if False:\n        raise Refused",
        f"{_FORGET_TESTS}::test_hosts_that_still_report_are_not_forgotten",
    ),
    Planted(
        "a-plan-overlooks-a-missing-runtime",
        (15,),
        "lifecycle.domain.service.needs",
        "    return [name for name in needs if is_runtime(name) and name not in reported]\n",
        "    return []\n",
        "tests/unit/rollout/test_host_requirements.py::"
        "test_host_that_lacks_a_runtime_blocks_the_deployment_before_anything_is_drained",
    ),
)
