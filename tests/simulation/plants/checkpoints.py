"""Faults planted in checkpoints: steps that go on although something has changed."""

from tests.simulation.planted import Planted

_CHECKPOINT = "lifecycle.domain.rollout.checkpoint"
_TESTS = "tests/unit/rollout/test_checkpoint.py"

FAULTS = (
    Planted(
        "a-checkpoint-goes-on-after-a-failure",
        (9,),
        _CHECKPOINT,
        "        and all((each.host, each.attempt) in done for each in checkpoint.given)\n"
        "        and all(now.targets.get(each) is TargetState.HEALTHY for each in addresses)\n"
        "        and fingerprint(now.targets) == base.targets\n"
        "        and fingerprint(_unhealthy(now.targets)) == base.unhealthy\n",
        "",
    ),
    Planted(
        "a-checkpoint-overlooks-answers-and-requests",
        (9,),
        _CHECKPOINT,
        "        and questions_fingerprint(now.questions) == base.questions\n",
        "",
    ),
    Planted(
        "a-checkpoint-overlooks-a-new-execution",
        (6,),
        _CHECKPOINT,
        "        and now.execution == base.execution\n",
        "",
        f"{_TESTS}::test_another_execution_observes_everything",
    ),
    Planted(
        "a-checkpoint-outlives-its-lease",
        (5,),
        _CHECKPOINT,
        "        and now.lease.is_held_by(mine.id, mine.epoch)\n",
        "",
        f"{_TESTS}::test_fenced_deployment_hands_out_nothing",
    ),
    Planted(
        "a-drain-overlooks-the-other-hosts-of-its-step",
        (1,),
        _CHECKPOINT,
        "if state.serves} - set(addresses.values())",
        "if state.serves} - {addresses[host]}",
        f"{_TESTS}::test_hosts_of_one_step_count_each_other_as_out",
    ),
    Planted(
        "a-drain-overlooks-hosts-that-joined",
        (1,),
        _CHECKPOINT,
        "        or fingerprint(reporting) != base.reporting\n",
        "",
        f"{_TESTS}::test_drain_and_next_step_read_everything_after_a_change",
    ),
    Planted(
        "a-drain-overlooks-hosts-that-went-down",
        (1,),
        _CHECKPOINT,
        "if len(serving) >= base.required else None",
        "if serving else None",
        f"{_TESTS}::test_hosts_of_one_step_count_each_other_as_out",
    ),
    Planted(
        "the-hosts-of-another-loop-are-forgotten",
        (1,),
        _CHECKPOINT,
        "(*given, *lost), None if lost else",
        "given,",
        f"{_TESTS}::test_host_that_another_loop_handed_out_counts_as_out_until_its_attempt_ends",
    ),
    Planted(
        "a-checkpoint-overlooks-an-unhealthy-updated-host",
        (33,),
        _CHECKPOINT,
        "    ordinary = passed and settled and healthy and not baking",
        "    ordinary = passed and settled and not baking",
        caught_by=_TESTS,
    ),
    Planted(
        "a-rollout-with-a-checkpoint-passes-its-gate",
        (26,),
        _CHECKPOINT,
        "ordinary = passed and settled",
        "ordinary = settled",
        f"{_TESTS}::test_approval_after_the_first_host_is_still_required",
    ),
)
