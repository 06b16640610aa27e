"""Faults planted in what a throttled call means, in the settle time, and in a pass of convergence."""

from tests.simulation.planted import Planted

_POLLING = "lifecycle.application.polling"
_PASS = "lifecycle.domain.convergence.full_pass"
_FULL = "tests/simulation/test_full_pass.py"
_BUCKET = "tests/simulation/test_throttling.py"

FAULTS = (
    Planted(
        "a-throttled-call-fails-a-host",
        (37,),
        "lifecycle.application.rollout.stage_guard",
        "        if isinstance(error, CallFailed) and error.temporary and not last:\n",
        "        if isinstance(error, CallFailed) and not error.temporary and not last:\n",
    ),
    Planted(
        "a-drained-host-is-stopped-at-once",
        (19,),
        "lifecycle.application.rollout.settle",
        "    if not context.settles or not report.running:\n",
        "    if report:\n",
    ),
    Planted(
        "hosts-of-a-large-step-poll-as-often-as-one",
        (37,),
        _POLLING,
        "    return poll_seconds * max(1.0, at_once / _AT_ONCE)\n",
        "    return poll_seconds + 0 * at_once\n",
        f"{_BUCKET}::test_polls_of_a_large_step_leave_calls_for_the_rest_of_the_account",
    ),
    Planted(
        "a-throttled-poll-is-the-last-one",
        (37,),
        _POLLING,
        "            if now >= deadline or not error.temporary:\n",
        "            if error:\n",
        f"{_BUCKET}::test_no_host_fails_where_describe_calls_are_throttled",
    ),
    Planted(
        "an-interrupted-pass-begins-at-the-first-cluster",
        (28,),
        _PASS,
        '    after = cursor.cluster if cursor else ""\n',
        '    after = ""\n',
        f"{_FULL}::test_interrupted_pass_goes_on_where_it_was",
    ),
    Planted(
        "a-pass-leaves-no-calls-to-hosts-that-drain",
        (37,),
        _PASS,
        "    return began + timedelta(seconds=max(0, number - _AT_ONCE) / _PER_SECOND)\n",
        "    return began + timedelta(seconds=0 * number)\n",
        f"{_FULL}::test_pass_over_500_clusters_ends_within_five_minutes_beside_hosts_that_drain",
    ),
)
